"""The fold: what it does with each tick, rows that come and go, and batches of any size."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import layout
from streams.columns import APPLIED, I32, LATE, SKIPPED, Folded, TickColumns
from streams.engine import RealTimeFeatureEngine
from streams.errors import ConfigError, StateError
from streams.feature_set import FeatureSet
from streams.layout import NEVER
from streams.records import READY, UNDEFINED, WARMING
from streams.state_block import StateBlock
from tests.streams.reference import same_bits, ticks, walk

NAN = float("nan")
S = 1_000_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture(scope="module")
def engine(folder: Path) -> RealTimeFeatureEngine:
    return RealTimeFeatureEngine(FeatureSet.load("classics"), cache_dir=folder)


def one(block: StateBlock) -> int:
    return block.find("A") if block.find("A") >= 0 else block.add("A")


def fold(
    engine: RealTimeFeatureEngine, block: StateBlock, price: list[float], offset: list[int], ts_ns: list[int]
) -> Folded:
    rows = np.full(len(price), one(block), dtype=np.int32)
    return engine.fold(block, rows, ticks(price, offset=offset, ts_ns=ts_ns))


def test_ticks_not_newer_than_the_row_are_skipped_and_change_nothing(engine: RealTimeFeatureEngine) -> None:
    block = engine.new_block()
    fold(engine, block, [100.0, 101.0], [4, 7], [1 * S, 2 * S])
    before = block.state.copy()
    folded = fold(engine, block, [500.0, 500.0, 500.0], [3, 6, 7], [9 * S] * 3)
    assert folded.verdict.tolist() == [SKIPPED] * 3
    assert same_bits(block.state, before)
    assert (block.last_offset[0], block.last_ts_ns[0]) == (7, 2 * S)
    assert fold(engine, block, [102.0], [8], [3 * S]).verdict.tolist() == [APPLIED]


def test_a_late_tick_advances_the_offset_and_nothing_else(engine: RealTimeFeatureEngine) -> None:
    block = engine.new_block()
    fold(engine, block, [100.0], [0], [100 * S])
    before = block.state.copy()
    folded = fold(engine, block, [500.0, 500.0], [1, 2], [95 * S - 1, 0])
    assert folded.verdict.tolist() == [LATE, LATE]
    assert same_bits(block.state, before)
    assert (block.last_offset[0], block.last_ts_ns[0]) == (2, 100 * S)
    assert fold(engine, block, [500.0], [2], [200 * S]).verdict.tolist() == [SKIPPED]


def test_within_the_lateness_a_tick_is_folded_with_the_last_event_time(engine: RealTimeFeatureEngine) -> None:
    block = engine.new_block()
    folded = fold(engine, block, [100.0, 101.0], [0, 1], [100 * S, 95 * S])
    assert folded.verdict.tolist() == [APPLIED, APPLIED]
    assert folded.price.tolist() == [100.0, 101.0]
    assert block.last_ts_ns[0] == 100 * S


def test_late_ticks_are_folded_where_that_is_set(folder: Path) -> None:
    engine = RealTimeFeatureEngine(FeatureSet.load("classics"), lateness_ns=0, fold_late=True, cache_dir=folder)
    block = engine.new_block()
    folded = fold(engine, block, [100.0, 101.0], [0, 1], [100 * S, 0])
    assert folded.verdict.tolist() == [APPLIED, APPLIED]
    assert (block.last_offset[0], block.last_ts_ns[0]) == (1, 100 * S)
    assert block.state[0, [layout.TRADES, layout.PRICE]].tolist() == [2.0, 101.0]


def test_no_lateness_at_all(folder: Path) -> None:
    engine = RealTimeFeatureEngine(FeatureSet.load("classics"), lateness_ns=0, cache_dir=folder)
    folded = fold(engine, engine.new_block(), [1.0] * 4, [0, 1, 2, 3], [5, 5, 4, 6])
    assert folded.verdict.tolist() == [APPLIED, APPLIED, LATE, APPLIED]


def test_the_first_tick_of_a_symbol_is_never_late(engine: RealTimeFeatureEngine) -> None:
    assert fold(engine, engine.new_block(), [1.0], [0], [-(2**62)]).verdict.tolist() == [APPLIED]


def test_a_tick_that_is_no_trade_reports_the_values_there_are_and_steps_nothing(engine: RealTimeFeatureEngine) -> None:
    block = engine.new_block()
    prices = walk(1, 60).tolist()
    quote = fold(engine, block, [NAN], [0], [0])
    assert np.isnan(quote.price[0])
    assert np.all(quote.flags == WARMING)
    assert np.all(np.isnan(quote.values))
    trades = fold(engine, block, prices, list(range(1, 61)), [S] * 60)
    before = block.state.copy()
    quote = fold(engine, block, [NAN], [61], [2 * S])
    assert quote.verdict.tolist() == [APPLIED]
    assert same_bits(quote.values[0], trades.values[-1])
    assert quote.price[0] == prices[-1]
    assert np.all(quote.flags == READY)
    changed = np.flatnonzero(block.state[0] != before[0])
    assert changed.tolist() == [layout.TICKS, layout.TICK_S]
    assert (block.last_offset[0], block.last_ts_ns[0]) == (61, 2 * S)


def test_a_value_without_meaning_is_flagged_undefined(engine: RealTimeFeatureEngine) -> None:
    folded = engine.run([100.0] * 20)
    at = engine.feature_set.outputs.index("bb_percent_b")
    assert folded.flags[-1, at] == UNDEFINED
    assert np.isnan(folded.values[-1, at])


def test_rows_of_ticks_that_were_not_applied_hold_no_values(engine: RealTimeFeatureEngine) -> None:
    block = engine.new_block()
    fold(engine, block, [100.0] * 60, list(range(60)), [100 * S] * 60)
    folded = fold(engine, block, [100.0, 100.0], [59, 60], [100 * S, 0])
    assert folded.verdict.tolist() == [SKIPPED, LATE]
    assert np.all(np.isnan(folded.values))
    assert np.all(np.isnan(folded.price))
    assert np.all(folded.flags == WARMING)


Drawn = tuple[int, int, int, float | None]

TICKS = st.lists(
    st.tuples(
        st.integers(0, 4),  # symbol
        st.integers(-2, 3),  # step of the offset
        st.integers(-9, 9),  # step of the time, seconds
        st.one_of(st.none(), st.floats(1.0, 1e5)),
    ),
    max_size=60,
)


def columns_of(drawn: list[Drawn]) -> tuple[I32, TickColumns]:
    rows = np.array([symbol for symbol, *_ in drawn], dtype=np.int32)
    offset = np.cumsum([0, *(step for _, step, *_ in drawn)])[1:]
    ts_ns = np.cumsum([0, *(step * S for *_, step, _ in drawn)])[1:]
    price = [NAN if price is None else price for *_, price in drawn]
    return rows, ticks(price, offset=offset.tolist(), ts_ns=ts_ns.tolist())


def block_of_five(engine: RealTimeFeatureEngine) -> StateBlock:
    block = engine.new_block()
    for symbol in "ABCDE":
        block.add(symbol)
    return block


@given(drawn=TICKS)
@settings(deadline=None)
def test_verdicts_follow_the_rules_tick_by_tick(engine: RealTimeFeatureEngine, drawn: list[Drawn]) -> None:
    rows, columns = columns_of(drawn)
    block = block_of_five(engine)
    folded = engine.fold(block, rows, columns)
    last_offset, last_ts_ns, trades, last_price = [-1] * 5, [NEVER] * 5, [0] * 5, [NAN] * 5
    for i, r in enumerate(rows):
        offset, ts_ns, price = int(columns.offset[i]), int(columns.ts_ns[i]), float(columns.price[i])
        if offset <= last_offset[r]:
            assert folded.verdict[i] == SKIPPED
            continue
        last_offset[r] = offset
        if last_ts_ns[r] != NEVER and ts_ns < last_ts_ns[r] - 5 * S:
            assert folded.verdict[i] == LATE
            continue
        assert folded.verdict[i] == APPLIED
        last_ts_ns[r] = max(last_ts_ns[r], ts_ns)
        if not np.isnan(price):
            trades[r] += 1
            last_price[r] = price
        np.testing.assert_equal(folded.price[i], last_price[r])
    assert block.last_offset[:5].tolist() == last_offset
    assert block.last_ts_ns[:5].tolist() == last_ts_ns
    assert block.state[:5, layout.TRADES].tolist() == trades


@given(drawn=TICKS, cuts=st.sets(st.integers(0, 60)))
@settings(deadline=None)
def test_bits_do_not_depend_on_how_ticks_are_cut_into_batches(
    engine: RealTimeFeatureEngine, drawn: list[Drawn], cuts: set[int]
) -> None:
    rows, columns = columns_of(drawn)
    whole, pieces = block_of_five(engine), block_of_five(engine)
    expected = engine.fold(whole, rows, columns)
    bounds = [0, *sorted(cut for cut in cuts if cut < len(rows)), len(rows)]
    parts = [engine.fold(pieces, rows[a:b], columns.take(slice(a, b))) for a, b in pairwise(bounds)]
    assert same_bits(np.concatenate([p.values for p in parts]), expected.values)
    assert np.array_equal(np.concatenate([p.flags for p in parts]), expected.flags)
    assert same_bits(np.concatenate([p.price for p in parts]), expected.price)
    assert np.array_equal(np.concatenate([p.verdict for p in parts]), expected.verdict)
    assert same_bits(pieces.state, whole.state)
    assert np.array_equal(pieces.last_offset, whole.last_offset)
    assert np.array_equal(pieces.last_ts_ns, whole.last_ts_ns)


def test_one_by_one_and_all_at_once_give_the_same_bits(engine: RealTimeFeatureEngine) -> None:
    prices = walk(3, 500)
    expected = engine.run(prices).values
    block = engine.new_block()
    values = [fold(engine, block, [price], [i], [0]).values[0] for i, price in enumerate(prices)]
    assert same_bits(np.array(values), expected)


def test_symbols_do_not_touch_each_other(engine: RealTimeFeatureEngine) -> None:
    a, b = walk(1, 300), walk(2, 300)
    mixed = engine.run(np.stack((a, b), axis=1).ravel(), symbols=["A", "B"] * 300)
    assert same_bits(mixed.values[0::2].copy(), engine.run(a).values)
    assert same_bits(mixed.values[1::2].copy(), engine.run(b).values)


def test_what_a_fold_refuses_before_it_changes_anything(engine: RealTimeFeatureEngine) -> None:
    block = engine.new_block()
    block.add("A")
    for row in (1, -1, 15):
        with pytest.raises(IndexError, match=rf"rows\[1\]={row} is none of the block's 1; add\(\) the symbol first"):
            engine.fold(block, np.array([0, row], dtype=np.int32), ticks([1.0, 2.0]))
    with pytest.raises(ValueError, match="1 rows for columns of 2 ticks"):
        engine.fold(block, np.zeros(1, dtype=np.int32), ticks([1.0, 2.0]))
    short = ticks([1.0, 2.0])
    for name in TickColumns.__slots__:
        columns = replace(short, **{name: getattr(short, name)[:1]})
        with pytest.raises(ValueError, match="all must have one length"):
            engine.fold(block, np.zeros(2, dtype=np.int32), columns)
    with pytest.raises(ValueError, match="columns of 3 references for a feature set of 0; give one column per"):
        engine.fold(block, np.zeros(2, dtype=np.int32), replace(short, reference=np.ones((2, 3))))
    with pytest.raises(StateError, match="the block was not made for feature set classics"):
        engine.fold(StateBlock(FeatureSet.of("other", "sma_3")), np.zeros(1, dtype=np.int32), ticks([1.0]))
    assert not block.state.any()
    assert block.last_offset[0] == -1


def test_columns_may_be_read_only(engine: RealTimeFeatureEngine) -> None:
    columns = ticks([1.0, 2.0])
    rows = np.zeros(2, dtype=np.int32)
    for array in (rows, *(getattr(columns, name) for name in TickColumns.__slots__)):
        array.flags.writeable = False
    block = engine.new_block()
    block.add("A")
    assert engine.fold(block, rows, columns).price.tolist() == [1.0, 2.0]


def test_an_empty_batch_is_no_trouble(engine: RealTimeFeatureEngine) -> None:
    folded = engine.fold(engine.new_block(), np.zeros(0, dtype=np.int32), ticks([]))
    assert folded.values.shape == (0, 14)


def test_warm_up_loads_the_kernel_and_leaves_no_trace(folder: Path) -> None:
    engine = RealTimeFeatureEngine(FeatureSet.load("classics"), cache_dir=folder)
    engine.warm_up()
    assert len(engine.new_block()) == 0
    assert engine.run([2.0]).price.tolist() == [2.0]


def test_standalone_use(engine: RealTimeFeatureEngine) -> None:
    folded = engine.run([1.0, 2.0, 3.0, 4.0, NAN, 5.0])
    at = engine.feature_set.outputs.index("sma_5")
    assert folded.flags[:, at].tolist() == [WARMING] * 5 + [READY]
    assert folded.values[-1, at] == 3.0
    assert folded.verdict.tolist() == [APPLIED] * 6
    late = engine.run([1.0, 2.0, 3.0], ts_ns=[0, 10 * S, 1 * S])
    assert late.verdict.tolist() == [APPLIED, APPLIED, LATE]


def test_a_long_history_is_folded_in_parts_that_do_not_show(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = RealTimeFeatureEngine(FeatureSet.of("bars", "sma_3", bars=["5t", "2s"]), cache_dir=folder)
    history = {"price": walk(5, 100), "ts_ns": [i * S // 3 for i in range(100)]}
    whole = engine.run(history)
    monkeypatch.setattr("streams.engine.AT_ONCE", 7)
    parts = engine.run(history)
    for name in ("values", "price", "bars"):
        assert same_bits(getattr(parts, name), np.ascontiguousarray(getattr(whole, name)))
    assert np.array_equal(parts.flags, whole.flags)
    assert np.array_equal(parts.verdict, whole.verdict)
    assert len(whole.bars) == 20 + 16


def test_a_negative_lateness_is_refused() -> None:
    with pytest.raises(ConfigError, match="lateness_ns=-1 is negative; use 0 or more nanoseconds"):
        RealTimeFeatureEngine(FeatureSet.load("classics"), lateness_ns=-1)
