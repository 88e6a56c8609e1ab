"""The filters in the kernel: what their plain definition says, whatever comes and however it is cut into batches."""

from dataclasses import dataclass
from itertools import pairwise
from math import nan
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import layout
from streams.columns import APPLIED, CLOCK, GAP, MARKED, SKIPPED, UNTOUCHED, WARM, Folded
from streams.engine import RealTimeFeatureEngine
from streams.errors import StateError
from streams.feature_set import FeatureSet
from streams.quality.reasons import REASONS
from streams.quality.rules import NO_FILTERS, QualityFilters, QualityRules
from streams.sessions import ALWAYS, Sessions
from streams.state_block import StateBlock
from tests.streams.dirty import RULES, changed, dirty
from tests.streams.markets import SEGMENTS, SYMBOLS, columns_of
from tests.streams.reference import same_bits
from tests.streams.reference_filters import ReferenceFilters
from tests.streams.reference_state import Event, S

LATENESS_NS: Final = 3 * S
HOURS: Final = tuple((begin, end) for begin, end, _ in SEGMENTS)
SET: Final = FeatureSet.of("mine", "sma_3", "spread", "sma_2@2s")
COUNTING: Final = FeatureSet.of("counting", "sma_3", gaps={"sequence": True})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


def filters_by(*rules: QualityRules) -> QualityFilters:
    """Rules of A, and of B; the calendar SHORT is that of tests/streams/markets.py."""
    a, *others = rules
    filters = QualityFilters(a, tuple(("B", other) for other in others))
    segments = np.array([[*segment, 0] for segment in SEGMENTS], dtype=np.int64)
    sessions = Sessions(segments, {ALWAYS: (0, 0), "SHORT": (0, len(segments))}, ALWAYS, {})
    vars(filters)["sessions"] = sessions
    return filters


def engine_of(folder: Path, *rules: QualityRules, feature_set: FeatureSet = SET) -> RealTimeFeatureEngine:
    filters = filters_by(*rules) if rules else NO_FILTERS
    return RealTimeFeatureEngine(feature_set, lateness_ns=LATENESS_NS, filters=filters, cache_dir=folder)


def block_of(engine: RealTimeFeatureEngine) -> StateBlock:
    block = engine.new_block()
    for symbol in SYMBOLS:
        block.add(symbol)
    return block


@dataclass
class Expected:
    """What the plain definition says."""

    said: list[str]
    """Per event a reason, or empty."""
    believed: list[Event]
    """What is left of the stream: without what was rejected, and without the quotes that were left out."""
    left_out: dict[str, int]


def expected_of(events: list[Event], rules: dict[str, QualityRules]) -> Expected:
    filters = {s: ReferenceFilters(r, HOURS if r.hours_calendar == "SHORT" else ()) for s, r in rules.items()}
    last: dict[str, int] = {}
    offsets = dict.fromkeys(rules, -1)
    found = Expected([], [], {})
    for event in events:
        if event.offset <= offsets[event.symbol] or event.kind in {CLOCK, GAP}:
            if event.kind == GAP:
                offsets[event.symbol] = max(offsets[event.symbol], event.offset)
            found.said.append("")
            found.believed.append(event)
            continue
        offsets[event.symbol] = event.offset
        newest = last.get(event.symbol)
        late = newest is not None and event.ts_ns < newest - LATENESS_NS
        reason, keeps_quote = filters[event.symbol].judge(event, late=late)
        found.said.append(reason)
        if not reason:
            last[event.symbol] = event.ts_ns if newest is None else max(newest, event.ts_ns)
            found.believed.append(event if keeps_quote else changed(event, bid=nan, ask=nan))
    found.left_out = {symbol: each.left_out for symbol, each in filters.items()}
    return found


def said(folded: Folded) -> list[str]:
    assert set(folded.verdict.tolist()) <= {APPLIED, MARKED, SKIPPED, UNTOUCHED, *REASONS}
    return [REASONS.get(verdict, "") for verdict in folded.verdict.tolist()]


@given(events=dirty(plain=True), a=RULES, b=RULES)
@settings(max_examples=300)
def test_the_kernel_says_what_the_definition_says(
    folder: Path, events: list[Event], a: QualityRules, b: QualityRules
) -> None:
    engine = engine_of(folder, a, b)
    block = block_of(engine)
    folded = engine.fold(block, *columns_of(events))
    expected = expected_of(events, {"A": a, "B": b})
    assert said(folded) == expected.said
    for row, symbol in enumerate(SYMBOLS):
        assert block.state[row, layout.LEFT_OUT] == expected.left_out[symbol]
        newest = [event.offset for event in events if event.symbol == symbol]
        assert block.last_offset[row] == (newest[-1] if newest else -1), "a rejected tick advances it like any other"


@given(events=dirty(plain=True), a=RULES)
@settings(max_examples=150)
def test_what_is_believed_is_folded_as_if_the_rest_had_never_come(
    folder: Path, events: list[Event], a: QualityRules
) -> None:
    """Values, flags, bars and the state of the indicators: bit for bit."""
    engine, plain = engine_of(folder, a), engine_of(folder)
    expected = expected_of(events, {"A": a, "B": a})
    block, clean = block_of(engine), block_of(plain)
    folded = engine.fold(block, *columns_of(events))
    if not expected.believed:
        return
    alone = plain.fold(clean, *columns_of(expected.believed))
    assert set(alone.verdict.tolist()) == {APPLIED}
    kept = np.flatnonzero(folded.verdict == APPLIED)
    assert same_bits(folded.values[kept], alone.values)
    assert np.array_equal(folded.flags[kept], alone.flags)
    assert same_bits(np.delete(folded.bars, 0, axis=1), np.delete(alone.bars, 0, axis=1))
    known = [i for i in range(SET.width) if not layout.LEFT_OUT <= i < layout.COMMON]
    assert same_bits(np.ascontiguousarray(block.state[:, known]), np.ascontiguousarray(clean.state[:, known]))


@given(events=dirty(most=50), a=RULES, cuts=st.sets(st.integers(0, 50)), saved=st.integers(0, 50))
@settings(max_examples=150)
def test_bits_depend_neither_on_batches_nor_on_rows_that_were_saved(
    folder: Path, events: list[Event], a: QualityRules, cuts: set[int], saved: int
) -> None:
    engine = engine_of(folder, a)
    rows, columns = columns_of(events)
    whole, pieces = block_of(engine), block_of(engine)
    expected = engine.fold(whole, rows, columns)
    bounds = [0, *sorted({cut for cut in cuts | {saved} if 0 < cut < len(rows)}), len(rows)]
    parts = []
    for begin, end in pairwise(bounds):
        if begin == saved:
            again = engine.new_block()
            for row, symbol in enumerate(SYMBOLS):
                state = np.frombuffer(pieces.state[row].tobytes())
                again.add(symbol, int(pieces.last_offset[row]), int(pieces.last_ts_ns[row]), state)
            pieces = again
        parts.append(engine.fold(pieces, rows[begin:end], columns.take(slice(begin, end))))
    assert np.array_equal(np.concatenate([part.verdict for part in parts]), expected.verdict)
    assert same_bits(np.concatenate([part.values for part in parts]), expected.values)
    assert same_bits(np.concatenate([part.price for part in parts]), expected.price)
    assert same_bits(pieces.state, whole.state)


@given(events=dirty(plain=True), a=RULES)
@settings(max_examples=100)
def test_a_tick_that_is_skipped_reminds_nobody(folder: Path, events: list[Event], a: QualityRules) -> None:
    """After a restart the log is read again: nothing that the row has seen counts twice."""
    engine = engine_of(folder, a)
    once, twice = block_of(engine), block_of(engine)
    rows, columns = columns_of(events)
    engine.fold(once, rows, columns)
    engine.fold(twice, rows, columns)
    again = engine.fold(twice, rows, columns)
    assert set(again.verdict.tolist()) == {SKIPPED}
    assert same_bits(once.state, twice.state)


@given(events=dirty(plain=True), a=RULES)
@settings(max_examples=60)
def test_the_warm_up_is_judged_like_live_ticks(folder: Path, events: list[Event], a: QualityRules) -> None:
    engine = engine_of(folder, a)
    live, warm = block_of(engine), block_of(engine)
    expected = engine.fold(live, *columns_of(events))
    folded = engine.fold(warm, *columns_of([changed(event, kind=WARM) for event in events]))
    assert said(folded) == said(expected)
    assert same_bits(live.state, warm.state)


@given(events=dirty(), a=RULES)
@settings(max_examples=60)
def test_marks_change_nothing_that_filters_remember(folder: Path, events: list[Event], a: QualityRules) -> None:
    engine = engine_of(folder, a, feature_set=FeatureSet.of("plain", "sma_3"))
    ticks = [event for event in events if event.kind not in {CLOCK, GAP}]
    with_marks, without = block_of(engine), block_of(engine)
    engine.fold(with_marks, *columns_of(events))
    if ticks:
        engine.fold(without, *columns_of(ticks))
    memory = slice(layout.LEFT_OUT, layout.COMMON)
    if len({event.offset for event in events}) == len(events):
        assert same_bits(with_marks.state[:, memory].copy(), without.state[:, memory].copy())


def trades(prices: list[float], **columns: Any) -> list[Event]:
    """Trades of A, a second apart."""
    begin = SEGMENTS[0][0]
    return [
        Event("A", i, begin + i * S, price=price, **{name: values[i] for name, values in columns.items()})
        for i, price in enumerate(prices)
    ]


def test_a_duplicate_is_no_gap_in_the_numbers(folder: Path) -> None:
    engine = engine_of(folder, QualityRules(reject_duplicates=True), feature_set=COUNTING)
    block = block_of(engine)
    folded = engine.fold(block, *columns_of(trades([100.0] * 6, seq=[1, 2, 2, 3, 1, 5])))
    assert said(folded) == ["", "", "duplicate", "", "duplicate", ""]
    assert block.state[0, layout.JUMPS] == 1, "4 is missing"


def test_a_duplicate_of_one_that_came_too_early_is_no_gap_either(folder: Path) -> None:
    engine = engine_of(folder, QualityRules(reject_duplicates=True), feature_set=COUNTING)
    block = block_of(engine)
    folded = engine.fold(block, *columns_of(trades([100.0] * 5, seq=[1, 3, 2, 3, 4])))
    assert said(folded) == ["", "", "", "duplicate", ""]
    assert block.state[0, layout.JUMPS] == 2, "3 before 2, and 2 after it; 4 follows 3"


def test_a_tick_out_of_range_leaves_no_hole_in_the_numbers(folder: Path) -> None:
    engine = engine_of(folder, QualityRules(price_max=1_000.0), feature_set=COUNTING)
    block = block_of(engine)
    events = trades([100.0, 5_000.0, 100.0, 5_000.0, 100.0], seq=[1, 2, 3, 6, 7])
    assert said(engine.fold(block, *columns_of(events))) == ["", "price-range", "", "price-range", ""]
    assert block.state[0, layout.JUMPS] == 1, "4 and 5 are missing"


def test_a_jump_says_what_it_was_compared_with(folder: Path) -> None:
    engine = engine_of(folder, QualityRules(trade_jump_max_bps=100.0, quote_jump_max_bps=100.0, jump_span_ticks=1.0))
    events = trades([100.0, 100.5, 130.0])
    events.append(Event("A", 3, events[-1].ts_ns, bid=99.0, ask=101.0))
    events.append(Event("A", 4, events[-1].ts_ns, bid=199.0, ask=201.0))
    folded = engine.fold(block_of(engine), *columns_of(events))
    assert said(folded) == ["", "", "jump", "", "jump"]
    assert (folded.price[2], folded.price[4]) == (100.5, 100.0)


def test_no_limit_is_exceeded_by_nothing(folder: Path) -> None:
    """Rules that ask for one thing leave all others alone."""
    engine = engine_of(folder, QualityRules(future_max_ms=1e9))
    events = trades([1e-300, 1e300, 5.0], size=[0.0, 1e300, 1.0], seq=[5, 5, 5])
    events.append(Event("A", 3, events[-1].ts_ns, bid=2.0, ask=1.0, bid_size=0.0))
    assert said(engine.fold(block_of(engine), *columns_of(events))) == [""] * 4


def test_a_block_of_other_filters_is_refused(folder: Path) -> None:
    engine, other = engine_of(folder, QualityRules(price_max=5.0)), engine_of(folder)
    with pytest.raises(StateError, match="these filters"):
        engine.fold(block_of(other), *columns_of(trades([1.0])))
