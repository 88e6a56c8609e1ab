"""Rows of a training set: labelled from their future alone, features from their past alone, and every loss counted."""

from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from aiokafka import ConsumerRecord

from agents.training.dataset import Dataset, dataset_of, rows_of
from agents.training.folding import Fold, Sampling
from streams.columns import APPLIED
from streams.engine import RealTimeFeatureEngine
from streams.errors import ConfigError
from streams.export.labels import LabelSpec
from streams.export.selection import FIRST_NS, LAST_NS
from streams.feature_set import FeatureSet
from streams.feeds.wire import encode_mark, encode_tick
from streams.marks import GAP_KIND, GapMark
from streams.records import KIND, Tick
from streams.sessions import Sessions
from streams.ticks import TickDecoder
from tests.agents.training.market import FEATURES, HORIZON_NS, START_NS, STEP_NS, folded, market, training_set

S = 10**9


def test_values_are_those_of_the_engine() -> None:
    """The training set's features are bit for bit what the engine gives for the same ticks."""
    ticks = market(300, planted=True)
    data = training_set(ticks)
    folded_alone = RealTimeFeatureEngine(FEATURES).run(ticks)
    assert (folded_alone.verdict == APPLIED).all()
    place = {(tick.symbol, tick.ts_ns): i for i, tick in enumerate(ticks)}
    rows = [place[str(symbol), ts] for symbol, ts in zip(data.symbol, data.ts_ns.tolist(), strict=True)]
    assert len(rows) > 400
    assert data.values.tobytes() == folded_alone.values[rows].tobytes()
    assert data.price.tobytes() == folded_alone.price[rows].tobytes()


def test_no_feature_looks_ahead() -> None:
    """Other ticks after a moment change no input of a row up to it, and no label that was covered by then."""
    ticks = market(400, planted=True)
    moment = START_NS + 300 * STEP_NS
    changed = [
        tick if (tick.ts_ns or 0) <= moment else msgspec.structs.replace(tick, bid=100.0, ask=500.0, price=300.0)
        for tick in ticks
    ]
    whole, other = training_set(ticks), training_set(changed)
    before = [np.flatnonzero(data.ts_ns <= moment) for data in (whole, other)]
    assert [(i.output, i.form) for i in whole.inputs] == [(i.output, i.form) for i in other.inputs]
    assert whole.matrix[before[0]].tobytes() == other.matrix[before[1]].tobytes()
    known = [np.flatnonzero(data.ts_ns <= moment - 2 * HORIZON_NS) for data in (whole, other)]
    assert whole.label[known[0]].tolist() == other.label[known[1]].tolist()


def test_rows_are_in_the_order_of_time() -> None:
    data = training_set(market(300, planted=False))
    assert (np.diff(data.ts_ns) >= 0).all()
    assert sum(data.balance().values()) == pytest.approx(1.0)
    some = rows_of(data, np.arange(10))
    assert (len(some), some.inputs, some.ticks) == (10, data.inputs, 600)


def test_the_last_direction_is_that_before_the_row() -> None:
    ticks = [quote(i, mid) for i, mid in enumerate([10.0, 11.0, 11.0, 9.0, 9.0, 9.0, 12.0, 12.0])]
    data = data_of(ticks, LabelSpec(S), FeatureSet.of("one", "spread", "mid", "queue_imbalance"))
    assert data.last_direction.tolist() == [0, 1, 1, -1, -1, -1]
    assert data.label.tolist() == [1, 0, -1, 0, 0, 1], "the last two are not covered"
    assert data.spread_bps == pytest.approx([200.0 / mid for mid in (10.0, 11.0, 11.0, 9.0, 9.0, 9.0)])


def test_warming_rows_are_counted() -> None:
    data = training_set(market(300, planted=False))
    assert data.left_out["an input is warming up"] > 0
    assert data.left_out["no price yet, or the data end within the horizon"] == 4
    assert data.left_out.keys() == {"an input is warming up", "no price yet, or the data end within the horizon"}


def test_inputs_that_say_nothing_are_left_out() -> None:
    """Without quotes there is no spread; RSI of 14 bars of a minute has no value within a minute."""
    features = FeatureSet.of("wide", "ret_1", "spread", "rsi_14@1m", "obv", "trade_sign")
    ticks = [Tick(symbol="A", ts_ns=START_NS + i * S // 10, price=100.0 + i % 7, size=1.0) for i in range(500)]
    data = training_set(ticks, LabelSpec(S), features=features)
    assert "ret_1" in {one.output for one in data.inputs}
    assert not {"obv", "spread", "rsi_14@1m"} & {one.output for one in data.inputs}
    assert data.unused["obv"] == "not comparable in time"
    assert data.unused["rsi_14@1m"].startswith("missing in most rows")
    assert data.unused["spread"].startswith("missing in most rows")


def test_an_input_may_be_missing_that_was_in_a_row_that_was_kept() -> None:
    """While they warm up inputs are missing in rows that are left out; a z-score where the price stands still."""
    features = FeatureSet.of("one", "spread", "ret_1", "queue_imbalance", "zscore_5")
    whole = data_of([quote(i, 10.0 + i % 3) for i in range(40)], LabelSpec(S), features)
    assert whole.left_out["an input is warming up"] > 0
    assert {one.missing for one in whole.inputs} == {False}
    still = data_of([quote(i, 10.0 + i % 3 * (i < 25)) for i in range(40)], LabelSpec(S), features)
    assert {one.output for one in still.inputs if one.missing} == {"zscore_5"}


def test_a_gap_within_the_horizon_has_no_label() -> None:
    ticks = [quote(i, 10.0 + i % 3) for i in range(20)]
    features = FeatureSet.of("one", "spread", "mid", "queue_imbalance")
    whole = data_of(ticks, LabelSpec(2 * S), features)
    marked = data_of(ticks, LabelSpec(2 * S), features, gap_before=10)
    assert set(whole.ts_ns.tolist()) - set(marked.ts_ns.tolist()) == {START_NS + i * S for i in (7, 8, 9)}
    assert marked.left_out["the horizon reaches over a gap mark"] == 3


def test_a_silence_behind_the_horizon_has_no_label() -> None:
    ticks = [quote(i if i < 10 else i + 3_600, 10.0 + i % 3) for i in range(20)]
    data = data_of(ticks, LabelSpec(2 * S), FeatureSet.of("one", "spread", "mid", "queue_imbalance"))
    assert data.left_out["nothing came for 5 minutes behind the horizon"] == 3


def test_the_end_of_a_session_ends_labels() -> None:
    segments = np.array([[START_NS, START_NS + 10 * S, START_NS, 0]], np.int64)
    sessions = Sessions(segments, {"X": (0, 1), "24/7": (0, 0)}, "X", {"B": "24/7"})
    features = FeatureSet.of("one", "spread", "mid", "queue_imbalance")
    ticks = [quote(i, 10.0 + i % 3) for i in range(20)]
    data = data_of(ticks, LabelSpec(2 * S), features, sessions=sessions)
    assert data.left_out["the horizon reaches over the end of the session"] == 2
    other = [msgspec.structs.replace(tick, symbol="B") for tick in ticks]
    free = data_of(other, LabelSpec(2 * S), features, sessions=sessions)
    assert "the horizon reaches over the end of the session" not in free.left_out


def test_sampling() -> None:
    ticks = market(400, planted=True)
    every = folded(ticks, Sampling(every=4)).rows()
    assert len(every.source) == 200
    changes = folded(ticks, Sampling(on_change=True)).rows()
    mids = [np.array([t.bid for t in ticks if t.symbol == s]) for s in ("AAA", "BBB")]
    assert len(changes.source) == sum(1 + int((np.diff(mid) != 0).sum()) for mid in mids)
    thinned = folded(ticks, Sampling(max_rows=100))
    rows = thinned.rows()
    assert (len(rows.source), thinned.stride) == (100, 8)
    assert set(np.diff(rows.source[rows.symbol == 0]).tolist()) == {16}, "evenly"
    few = folded(ticks, Sampling(max_rows=1))
    assert len(few.rows().source) == 2, "the first record of each symbol stays"
    assert str(Sampling(3, on_change=True)) == "every 3th record of a symbol that changed the price"


def test_only_some_symbols_and_times() -> None:
    fold = Fold(RealTimeFeatureEngine(FEATURES), Sampling(), symbols=frozenset({"BBB"}))
    take(fold, market(300, planted=False))
    start, end = START_NS + 100 * STEP_NS, START_NS + 200 * STEP_NS
    data = dataset_of(fold, FEATURES, LabelSpec(HORIZON_NS), start_ns=start, end_ns=end)
    assert set(data.symbol.tolist()) == {"BBB"}
    assert (data.ts_ns.min(), data.ts_ns.max()) == (start + 1_000, end + 1_000 - STEP_NS)
    assert data.left_out["outside of --from and --to"] == 198


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(ConfigError, match="0 ticks gave 0 records, none of which has a label"):
        training_set([])
    flat = [Tick(symbol="A", ts_ns=START_NS + i * STEP_NS, price=100.0, size=1.0) for i in range(50)]
    with pytest.raises(ConfigError, match="no input is left: sma_5: never changes"):
        training_set(flat, features=FeatureSet.of("flat", "sma_5"))
    with pytest.raises(ConfigError, match="none of its outputs is fit to be an input"):
        training_set(market(20, planted=False), features=FeatureSet.of("sums", "obv"))


def quote(second: int, mid: float) -> Tick:
    """A quote and a trade at the mid, 0.02 wide."""
    return Tick(
        symbol="A", ts_ns=START_NS + second * S, price=mid, size=1.0, bid=mid - 0.01, ask=mid + 0.01,
        bid_size=1.0 + second % 5, ask_size=2.0,
    )  # fmt: skip


def data_of(
    ticks: list[Tick], spec: LabelSpec, features: FeatureSet, *, gap_before: int = -1, sessions: Sessions | None = None
) -> Dataset:
    """The training set of ticks, with a gap mark before one of them."""
    fold = Fold(RealTimeFeatureEngine(features), Sampling())
    take(fold, ticks, gap_before)
    return dataset_of(fold, features, spec, start_ns=FIRST_NS, end_ns=LAST_NS, sessions=sessions)


def take(fold: Fold, ticks: list[Tick], gap_before: int = -1) -> None:
    """Fold ticks as records of Kafka."""

    def records() -> Iterator[ConsumerRecord]:
        offset = 0
        for i, tick in enumerate(ticks):
            if i == gap_before:
                mark = encode_mark(GapMark(tick.symbol, tick.ts_ns or 0))
                yield record(offset, tick.symbol, mark, ((KIND, GAP_KIND),))
                offset += 1
            yield record(offset, tick.symbol, encode_tick(tick))
            offset += 1

    fold.take(TickDecoder(1).decode([*records()]))


def record(offset: int, symbol: str, value: bytes, headers: tuple[tuple[str, bytes], ...] = ()) -> ConsumerRecord:
    """A record of `ticks`."""
    return ConsumerRecord("ticks", 0, offset, 0, 0, symbol.encode(), value, None, len(symbol), len(value), headers)
