"""Bars: names of intervals, what is in a bar, the records."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.bars import DAY_S, BarEncoder, ClosedBar, closed, interval
from streams.columns import F64
from streams.engine import RealTimeFeatureEngine
from streams.errors import ConfigError
from tests.streams.probes import probes

S = 1_000_000_000
BEGIN = 1_700_000_000 * S


@pytest.mark.parametrize(
    ("text", "name", "kind", "size"),
    [
        ("1s", "1s", "time", 1.0),
        ("60s", "1m", "time", 60.0),
        ("90s", "90s", "time", 90.0),
        ("3600s", "1h", "time", 3600.0),
        ("120m", "2h", "time", 7200.0),
        ("24h", "24h", "time", 86400.0),
        ("86400s", "24h", "time", 86400.0),
        ("007s", None, None, None),
        ("100t", "100t", "trades", 100.0),
        ("100.0v", "100v", "volume", 100.0),
        ("0.50v", "0.5v", "volume", 0.5),
        ("1000000d", "1000000d", "dollars", 1e6),
    ],
)
def test_intervals_have_one_name(text: str, name: str | None, kind: str | None, size: float | None) -> None:
    if name is None:
        with pytest.raises(ConfigError, match="interval '007s' does not divide the day; use '6s' or '8s'"):
            interval(text)
        return
    read = interval(text)
    assert (read.name, read.kind, read.size) == (name, kind, size)
    assert interval(read.name) == read


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' is no interval of bars; write for example '1m', '100t'"),
        ("1", "'1' is no interval"),
        ("m", "'m' is no interval"),
        ("-1m", "'-1m' is no interval"),
        ("1e3t", "'1e3t' is no interval"),
        ("1M", "'1M' is no interval"),
        ("0s", "interval '0s' is empty; write a number above 0"),
        ("0.0v", "interval '0.0v' is empty"),
        ("1.5m", "interval '1.5m' must be a whole number of units of time"),
        ("2.5t", "interval '2.5t' must be a whole number of trades"),
        ("25h", "interval '25h' is longer than a day; use 24h at most"),
        ("7m", "interval '7m' does not divide the day; use '6m' or '8m'"),
        ("7h", "interval '7h' does not divide the day; use '6h' or '8h'"),
    ],
)
def test_what_is_no_interval_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        interval(text)
    assert said in str(error.value)


@given(st.integers(1, 100_000))
def test_every_part_of_a_day_is_an_interval_and_nothing_else(seconds: int) -> None:
    if DAY_S % seconds == 0:
        assert interval(f"{seconds}s").size == seconds
        assert interval(interval(f"{seconds}s").name).size == seconds
    else:
        with pytest.raises(ConfigError):
            interval(f"{seconds}s")


TICKS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, S // 3, S, 2 * S, 7 * S]),
        st.none() | st.sampled_from([100.0, 100.5]) | st.floats(1e-3, 1e6),
        st.sampled_from([0.0, 1.0, 0.1, 3.5]) | st.floats(0, 1e3),
        st.sampled_from([0, 1, -1]),
    ),
    min_size=1,
    max_size=80,
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> RealTimeFeatureEngine:
    feature_set = probes("held", bars=["1s", "5s", "3t", "4v", "300d"])
    return RealTimeFeatureEngine(feature_set, cache_dir=tmp_path_factory.mktemp("kernels"))


@given(drawn=TICKS)
@settings(max_examples=150)
def test_every_trade_is_in_exactly_one_bar_of_each_interval(
    engine: RealTimeFeatureEngine, drawn: list[tuple[int, float | None, float, int]]
) -> None:
    ts_ns = (BEGIN + np.cumsum([step for step, *_ in drawn])).tolist()
    trades = [(t, p, q, s) for t, (_, p, q, s) in zip(ts_ns, drawn, strict=True) if p is not None]
    # A last tick, far away, closes the time bars.
    table = {
        "ts_ns": [*ts_ns, ts_ns[-1] + 60 * S],
        "price": [*(price for _, price, _, _ in drawn), None],
        "size": [*(size for *_, size, _ in drawn), None],
        "side": [*(side for *_, side in drawn), 0],
    }
    bars = [closed(numbers) for numbers in engine.run(table).bars.tolist()]
    assert [bar.tick for bar in bars] == sorted(bar.tick for bar in bars)
    for place, kind in enumerate(engine.feature_set.intervals):
        own = [bar for bar in bars if bar.interval == place]
        assert [bar.number for bar in own] == list(range(len(own)))
        inside = trades
        for bar in own:
            mine, inside = inside[: bar.trades], inside[bar.trades :]
            check(bar, mine)
            start, end = bar.start_s * S + bar.start_ns, bar.end_s * S + bar.end_ns
            if kind.kind == "time":
                assert start % round(kind.size * S) == 0
                assert end == start + round(kind.size * S)
                assert all(start <= t < end for t, *_ in mine)
            else:
                assert (start, end) == (mine[0][0], mine[-1][0])
                sums = {
                    "trades": [1.0] * bar.trades,
                    "volume": [q for *_, q, _ in mine],
                    "dollars": [p * q for _, p, q, _ in mine],
                }
                assert total(sums[kind.kind]) >= kind.size > total(sums[kind.kind][:-1])
        assert kind.kind != "time" or not inside


def check(bar: ClosedBar, trades: list[tuple[int, float, float, int]]) -> None:
    prices = [price for _, price, *_ in trades]
    assert (bar.open, bar.high, bar.low, bar.close) == (prices[0], max(prices), min(prices), prices[-1])
    assert bar.volume == total([size for *_, size, _ in trades])
    assert abs(bar.signed) <= bar.volume * (1 + 1e-12)
    if bar.volume > 0:
        assert bar.low <= bar.vwap <= bar.high
    else:
        assert np.isnan(bar.vwap)


def total(numbers: list[float]) -> float:
    """One after the other, as the bar adds them (sum() compensates from Python 3.12 on)."""
    found = 0.0
    for number in numbers:
        found += number
    return found


def test_spans_without_a_trade_have_no_bar(engine: RealTimeFeatureEngine) -> None:
    table = {
        "price": [1.0, None, None, 2.0, None],
        "ts_ns": [BEGIN, BEGIN + 3 * S, BEGIN + 7 * S, BEGIN + 8 * S, BEGIN + 9 * S],
    }
    bars = [closed(numbers) for numbers in engine.run(table).bars.tolist()]
    seconds = [(bar.tick, bar.start_s - BEGIN // S, bar.close) for bar in bars if bar.interval == 0]
    assert seconds == [(1, 0, 1.0), (4, 8, 2.0)]


def rows(**changes: Any) -> F64:
    bar = ClosedBar(3, 1, 0, 7, 1_700_000_000, 5, 1_700_000_060, 0, 10.0, 12.0, 9.0, 11.0, 4.0, 3, 10.5, -1.0, False)
    return np.array([bar._replace(**changes)], dtype=np.float64)


def test_records() -> None:
    encoder = BarEncoder([interval("1m"), interval("100t")], "abc")
    ((tick, symbol, id_, value),) = encoder.encode(rows(), ["A", "B"])
    assert (tick, symbol, id_) == (3, "B", "B|1m|1700000000000000005")
    assert json.loads(value) == {
        "id": "B|1m|1700000000000000005",
        "symbol": "B",
        "interval": "1m",
        "start_ns": 1_700_000_000_000_000_005,
        "end_ns": 1_700_000_060_000_000_000,
        "open": 10.0,
        "high": 12.0,
        "low": 9.0,
        "close": 11.0,
        "volume": 4.0,
        "trades": 3,
        "vwap": 10.5,
        "signed_volume": -1.0,
        "gapped": False,
        "schema": "abc",
    }
    ((_, symbol, _, value),) = encoder.encode(rows(interval=1, vwap=float("nan"), gapped=True), [b"A", b"B"])
    record = json.loads(value)
    assert (symbol, record["id"], record["vwap"], record["gapped"]) == ("B", "B|100t|1700000000000000005|7", None, True)
    assert encoder.encode(rows()[:0], []) == []


def test_no_bars_are_given_where_none_are_published(tmp_path: Path) -> None:
    feature_set = probes("bar@1s", publish_bars=False)
    engine = RealTimeFeatureEngine(feature_set, cache_dir=tmp_path)
    folded = engine.run([1.0, 2.0, 3.0], ts_ns=[BEGIN, BEGIN + S, BEGIN + 2 * S])
    assert len(folded.bars) == 0
    assert folded.values[-1, feature_set.outputs.index("bar_count@1s")] == 2.0
