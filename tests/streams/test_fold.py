"""The compiled fold against the reference engine, on random streams of everything; cuts into batches; saved rows."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import layout
from streams.bars import closed
from streams.columns import APPLIED, CLOCK, MARKED, WARM, Folded
from streams.engine import RealTimeFeatureEngine
from streams.feature_set import FeatureSet
from streams.layout import NEVER
from streams.state_block import StateBlock
from tests.streams.markets import SEGMENTS, SYMBOLS, columns_of, sessions, streams
from tests.streams.probes import DEFINITIONS, probes
from tests.streams.reference import same_bits
from tests.streams.reference_engine import ReferenceEngine
from tests.streams.reference_state import Event, Result, S

SETS = {
    "events": lambda: probes(
        "bar", "signs", "quotes", "ticks", "held", "anew", "fading", "compared~index", "sized", "middle", "depth",
        references={"index": "I"},
        derived={"worst": {"kind": "agreement", "of": [["depth_size", "sized_size"], ["middle_mid", "price"]]}},
    ),
    "bars": lambda: probes(
        "bar@2s", "bar@2s.live", "bar@3t.live", "held@2s", "held@60s.live", "anew@2s.live", "anew@3t", "fading@2s",
        "fading@5v.live", "compared@2s~index", "compared@250d.live~index", "middle@2s", "sized@1m",
        references={"index": "I"},
        bars=["5s"],
    ),
    "all": lambda: probes(
        "held", "anew", "fading", "ticks", "quotes", "middle", "held@2s", "held@2s.live", "anew@2s.live", "fading@2s",
        "anew@3t", "compared~index", "compared@3t.live~index", "depth",
        references={"index": "I", "unused": "J"},
        gaps={"silence_s": 4, "sequence": True},
        stale={"trade_s": 1.5, "quote_s": 0.5, "bar_s": 3, "outputs": {"held_volumes": 60, "held_closes@2s": 0.5}},
        derived={
            "crossed": {"kind": "cross", "of": ["price", "middle_mid"]},
            "back": {"kind": "cross", "of": [100.25, "compared_reference~index"]},
            "agreed": {"kind": "agreement", "of": [["price", "middle_mid"], ["held_steps@2s.live", 3]]},
        },
        mark_grace_ms=500,
        publish_bars=False,
    ),
}  # fmt: skip
LATENESS_NS = 3 * S


class Bench:
    """An engine and what it is to be compared with."""

    def __init__(self, feature_set: FeatureSet, folder: Path, *, fold_late: bool = False) -> None:
        self.set = feature_set
        self.fold_late = fold_late
        self.engine = RealTimeFeatureEngine(feature_set, lateness_ns=LATENESS_NS, fold_late=fold_late, cache_dir=folder)
        self.engine.sessions = sessions()

    def block(self) -> StateBlock:
        block = self.engine.new_block()
        for symbol in SYMBOLS:
            block.add(symbol)
        return block

    def reference(self) -> ReferenceEngine:
        return ReferenceEngine(self.set, DEFINITIONS, {"A": SEGMENTS}, LATENESS_NS, fold_late=self.fold_late)


@pytest.fixture(scope="module", params=[*SETS, "late"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    name: str = request.param
    late = name == "late"
    return Bench(SETS["all" if late else name](), tmp_path_factory.mktemp("kernels"), fold_late=late)


def references_of(bench: Bench, events: list[Event]) -> list[Event]:
    """The streams are made for two references; a set may have fewer."""
    n = len(bench.set.references)
    return [Event(**{**vars(event), "reference": event.reference[:n]}) for event in events]


def assert_same(bench: Bench, events: list[Event], folded: Folded, results: list[Result]) -> None:
    assert folded.verdict.tolist() == [result.verdict for result in results]
    for i, (event, result) in enumerate(zip(events, results, strict=True)):
        if result.values:
            assert result.verdict in {APPLIED, MARKED}
            names = bench.set.outputs
            expected = dict(zip(names, (flag for _, flag in result.values), strict=True))
            assert dict(zip(names, folded.flags[i].tolist(), strict=True)) == expected, (i, event)
            numbers = {n: repr(v) for n, (v, _) in zip(names, result.values, strict=True)}
            got = {n: repr(v) for n, v in zip(names, folded.values[i].tolist(), strict=True)}
            assert {n: float(v) for n, v in got.items() if v != numbers[n]} == {
                n: float(v) for n, v in numbers.items() if v != got[n]
            }, (i, event)
        else:
            assert np.all(np.isnan(folded.values[i]))
        np.testing.assert_equal(folded.price[i], result.price)
    emitted = [shown(bench, numbers) for numbers in folded.bars.tolist()]
    expected_bars = [{"tick": i, **bar} for i, result in enumerate(results) for bar in result.bars]
    assert [str(bar) for bar in emitted] == [str({key: bar[key] for key in emitted[0]}) for bar in expected_bars]


def shown(bench: Bench, numbers: list[float]) -> dict[str, Any]:
    bar = closed(numbers)
    return {
        "tick": bar.tick,
        "interval": bench.set.intervals[bar.interval].name,
        "number": bar.number,
        "start": bar.start_s * S + bar.start_ns,
        "end": bar.end_s * S + bar.end_ns,
        **{name: getattr(bar, name) for name in ("open", "high", "low", "close", "volume", "vwap", "signed", "gapped")},
        "trades": float(bar.trades),
    }


@given(events=streams(references=2))
@settings(max_examples=150)
def test_the_kernel_says_what_the_reference_engine_says(bench: Bench, events: list[Event]) -> None:
    events = references_of(bench, events)
    block, reference = bench.block(), bench.reference()
    rows, columns = columns_of(events)
    results = [reference.fold(event) for event in events]
    if not events:
        return
    folded = bench.engine.fold(block, rows, columns)
    assert_same(bench, events, folded, results)
    for row, symbol in enumerate(SYMBOLS):
        if (s := reference.symbols.get(symbol)) is None:
            assert not block.state[row].any()
            continue
        state = block.state[row]
        assert block.last_offset[row] == s.offset
        assert block.last_ts_ns[row] == (NEVER if s.last is None else s.last)
        assert state[layout.TRADES] == len(s.prices)
        counted = {"silence": layout.SILENCES, "sequence": layout.JUMPS, "mark": layout.GAP_MARKS}
        assert {name: int(state[at]) for name, at in counted.items()} == {name: s.gaps.count(name) for name in counted}
        assert state[layout.LATE_INTO_BAR] == s.early


@given(events=streams(references=2, most=50), cuts=st.sets(st.integers(0, 50)), saved=st.integers(0, 50))
@settings(max_examples=60)
def test_bits_depend_neither_on_batches_nor_on_rows_that_were_saved(
    bench: Bench, events: list[Event], cuts: set[int], saved: int
) -> None:
    events = references_of(bench, events)
    if not events:
        return
    rows, columns = columns_of(events)
    whole, pieces = bench.block(), bench.block()
    expected = bench.engine.fold(whole, rows, columns)
    bounds = [0, *sorted({cut for cut in cuts | {saved} if 0 < cut < len(rows)}), len(rows)]
    parts, bars = [], []
    for a, b in pairwise(bounds):
        if a == saved:
            pieces = restored(bench, pieces)
        parts.append(bench.engine.fold(pieces, rows[a:b], columns.take(slice(a, b))))
        bars.append(parts[-1].bars.copy())
        bars[-1][:, :1] += a
    assert same_bits(np.concatenate([p.values for p in parts]), expected.values)
    assert np.array_equal(np.concatenate([p.flags for p in parts]), expected.flags)
    assert same_bits(np.concatenate([p.price for p in parts]), expected.price)
    assert np.array_equal(np.concatenate([p.verdict for p in parts]), expected.verdict)
    assert same_bits(np.concatenate(bars), expected.bars)
    assert same_bits(pieces.state, whole.state)
    assert np.array_equal(pieces.places, whole.places)


def restored(bench: Bench, block: StateBlock) -> StateBlock:
    """A block made of saved rows, as after a restart, which held another symbol meanwhile."""
    other = bench.engine.new_block()
    other.add("other", 5, 6)
    for row, symbol in enumerate(block.symbols):
        other.add(symbol, int(block.last_offset[row]), int(block.last_ts_ns[row]), block.state[row].copy())
    other.remove([0])  # the last row takes its place
    again = bench.engine.new_block()
    for symbol in SYMBOLS:
        row = other.find(symbol)
        again.add(symbol, int(other.last_offset[row]), int(other.last_ts_ns[row]), other.state[row].copy())
    return again


@given(events=streams(references=2), ts_s=st.integers(-5, 300), clock=st.sampled_from([1.0, 2.0]))
@settings(max_examples=60)
def test_due_rows_are_those_whose_bars_a_mark_closes(
    bench: Bench, events: list[Event], ts_s: int, clock: float
) -> None:
    events = references_of(bench, events)
    if not events:
        return
    rows, columns = columns_of(events)
    block = bench.block()
    bench.engine.fold(block, rows, columns)
    newest = max((event.ts_ns for event in events), default=0)
    ts_ns = newest + ts_s * S // 2
    due = block.due(ts_ns, clock).tolist()
    marks = [Event(name, 1_000, ts_ns, clock=clock, kind=CLOCK, reference=events[0].reference) for name in SYMBOLS]
    folded = bench.engine.fold(block, *columns_of(marks))
    assert [row for row, verdict in enumerate(folded.verdict) if verdict == MARKED] == due


def test_ticks_of_the_warm_up_fold_like_ticks_and_are_marked(bench: Bench) -> None:
    n = len(bench.set.references)
    events = [Event("A", i, SEGMENTS[0][0] + i * S, price=100.0 + i, reference=(100.0,) * n) for i in range(9)]
    ticks, warm = bench.block(), bench.block()
    expected = bench.engine.fold(ticks, *columns_of(events))
    folded = bench.engine.fold(warm, *columns_of([Event(**{**vars(event), "kind": WARM}) for event in events]))
    assert folded.verdict.tolist() == [MARKED] * 9
    assert same_bits(folded.values, expected.values)
    assert same_bits(warm.state, ticks.state)
