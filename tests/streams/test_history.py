"""Histories that `run` takes: arrays, tables of columns, ticks one by one."""

from collections import UserDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streams.columns import LATE
from streams.engine import RealTimeFeatureEngine
from streams.errors import ConfigError
from streams.feature_set import FeatureSet
from streams.history import history_of
from streams.records import Tick
from tests.streams.probes import probes
from tests.streams.reference import same_bits

NAN = float("nan")
S = 1_000_000_000


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> RealTimeFeatureEngine:
    folder = tmp_path_factory.mktemp("kernels")
    return RealTimeFeatureEngine(
        probes("signs", "quotes", "compared~index", "bar@2s", references={"index": "I"}), cache_dir=folder
    )


TABLE: dict[str, Any] = {
    "price": [10.0, None, 11.0, 12.0],
    "size": [1.0, None, 0.0, 2.0],
    "bid": [NAN, 9.0, NAN, 11.0],
    "ask": [NAN, 10.0, NAN, 12.0],
    "bid_size": [NAN, 5.0, NAN, None],
    "ask_size": [NAN, 6.0, NAN, 0.0],
    "side": ["buy", None, "", "sell"],
    "ts_ns": [1 * S, 2 * S, 3 * S, 9 * S],
    "symbol": ["A", "A", "I", "A"],
    "seq": [1, None, 3, NAN],
}


class Frame(UserDict[str, Any]):
    """A table that is no dict: columns by name, as a DataFrame has them."""


def test_a_table_of_columns() -> None:
    history = history_of(Frame(TABLE), None, None, ["I", "J"])
    columns = history.columns
    np.testing.assert_array_equal(columns.price, [10.0, NAN, 11.0, 12.0])
    np.testing.assert_array_equal(columns.size, [1.0, 0.0, 0.0, 2.0])
    np.testing.assert_array_equal(columns.bid_size, [NAN, 5.0, NAN, NAN])
    assert columns.side.tolist() == [1, 0, 0, -1]
    assert columns.seq.tolist() == [1, -1, 3, -1]
    assert columns.ts_ns.tolist() == TABLE["ts_ns"]
    assert columns.offset.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(columns.reference, [[NAN, NAN], [NAN, NAN], [11.0, NAN], [11.0, NAN]])
    assert history.symbols == TABLE["symbol"]


def test_arrays_tables_and_ticks_give_the_same_bits(engine: RealTimeFeatureEngine) -> None:
    ticks = [
        Tick(symbol="A", ts_ns=1 * S, price=10.0, size=1.0, side="buy", seq=1),
        Tick(symbol="A", ts_ns=2 * S, bid=9.0, ask=10.0, bid_size=5.0, ask_size=6.0),
        Tick(symbol="I", ts="1970-01-01T00:00:03Z", price=11.0, seq=3),
        Tick(symbol="A", ts_ns=9 * S, price=12.0, size=2.0, bid=11.0, ask=12.0, ask_size=0.0, side="sell", seq="abc"),
    ]
    expected = engine.run(TABLE)
    assert expected.bars.shape[0] == 1
    for history in (Frame(TABLE), ticks, iter(ticks), (tick for tick in ticks)):
        folded = engine.run(history)
        assert same_bits(folded.values, expected.values)
        assert np.array_equal(folded.flags, expected.flags)
        assert same_bits(folded.bars, expected.bars)
    plain = engine.run([10.0, 11.0, NAN])
    for prices in ((10.0, 11.0, NAN), np.array([10.0, 11.0, NAN]), iter([10.0, 11.0, NAN]), {"price": [10, 11, None]}):
        assert same_bits(engine.run(prices).values, plain.values)


def test_times_may_be_dates() -> None:
    dates = np.array(["2024-01-05T00:00:00", "2024-01-05T00:00:01.5"], dtype="datetime64[ms]")
    assert history_of([1.0, 2.0], None, dates, []).columns.ts_ns.tolist() == [1704412800 * S, 1704412801500000000]


def test_symbols_and_times_beside_the_prices(engine: RealTimeFeatureEngine) -> None:
    folded = engine.run([1.0, 2.0, 3.0], symbols=[b"A", b"B", b"A"], ts_ns=[9 * S, 0, 0])
    assert folded.verdict.tolist() == [0, 0, LATE]
    assert engine.run([]).values.shape == (0, len(engine.feature_set.outputs))
    assert engine.run({}).values.shape == engine.run(iter([])).values.shape


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"price": [1.0, 0.0]}, r"price\[1\]=0.0 is not a price; use finite numbers above 0, or NaN"),
        ({"price": [1.0, -1.0]}, r"price\[1\]=-1.0 is not a price"),
        ({"price": [1.0, float("inf")]}, r"price\[1\]=inf is not a price"),
        ({"bid": [0.0], "ask": [1.0]}, r"bid\[0\]=0.0 is not a bid"),
        ({"price": [1.0], "size": [-1.0]}, r"size\[0\]=-1.0 is not a size; use finite numbers not below 0"),
        ({"price": [1.0], "ask_size": [float("inf")]}, r"ask_size\[0\]=inf"),
        ({"price": [[1.0]]}, "price has 2 dimensions"),
        ({"price": [1.0], "side": ["up"]}, "side 'up' is none; use 'buy', 'sell', 1, -1, or None"),
        ({"price": [1.0], "sise": [1.0]}, "column 'sise' is none of price, size, bid"),
        ({"price": [1.0], "size": [1.0, 2.0]}, "columns of .*'price': 1, 'size': 2.*; all must have one length"),
    ],
)
def test_what_cannot_be_is_refused(engine: RealTimeFeatureEngine, table: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        engine.run(table)


def test_columns_of_other_lengths_are_refused(engine: RealTimeFeatureEngine) -> None:
    with pytest.raises(ValueError, match="all must have one length"):
        engine.run([1.0, 2.0], ts_ns=[1])
    with pytest.raises(ValueError, match="all must have one length"):
        engine.run([1.0, 2.0], symbols=["A"])


def test_times_that_a_calendar_does_not_know_are_refused(tmp_path: Path) -> None:
    engine = RealTimeFeatureEngine(FeatureSet.of("tokyo", "sma_3", sessions={"calendar": "XTKS"}), cache_dir=tmp_path)
    engine.warm_up()
    with pytest.raises(ConfigError, match=r"calendar XTKS is known from 2000-01-04 to 2037-.*leaves out 1999-12-31"):
        engine.run([1.0], ts_ns=[946_684_799 * S])
    assert len(engine.run([1.0], ts_ns=[1_700_000_000 * S]).price) == 1
