"""Messages of the documented shapes, with arbitrary values: every value arrives exactly."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.records import Tick
from tests.streams.feeds.venues.adapters import adapter, one, received, tick

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DECIMALS = st.decimals(min_value=Decimal("1e-12"), max_value=Decimal("1e12"), allow_nan=False, allow_infinity=False)
TEXTS = DECIMALS.map(lambda value: f"{value:f}") | st.from_regex(r"[1-9][0-9]{0,20}\.[0-9]{0,24}[1-9]", fullmatch=True)
"""Positive decimals as venues write them; the second kind has more digits than a double."""
NUMBERS = st.floats(1e-12, 1e12)
MILLIS = st.integers(100_000_000_000, 9_000_000_000_000)
NANOS = st.integers(1, 2**62)
IDS = st.integers(1, 2**62)


def rfc3339(ns: int) -> str:
    """Write a time with nine decimals."""
    return f"{EPOCH + timedelta(seconds=ns // 10**9):%Y-%m-%dT%H:%M:%S}.{ns % 10**9:09d}Z"


@given(TEXTS, TEXTS, MILLIS, IDS, st.booleans())
def test_binance_trades(price: str, size: str, time_ms: int, trade_id: int, maker: bool) -> None:
    data = {"e": "trade", "s": "BTCUSDT", "t": trade_id, "p": price, "q": size, "T": time_ms, "m": maker, "M": True}
    got = tick(adapter("binance"), {"stream": "btcusdt@trade", "data": data})
    assert (got.price, got.size, got.ts_ns, got.seq) == (float(price), float(size), time_ms * 10**6, trade_id)
    assert got.side == ("sell" if maker else "buy")


@given(st.tuples(TEXTS, TEXTS, TEXTS, TEXTS), IDS, MILLIS)
def test_binance_quotes(values: tuple[str, str, str, str], update_id: int, time_ms: int) -> None:
    data: dict[str, Any] = {"u": update_id, "s": "BTCUSDT"} | dict(zip("bBaA", values, strict=True))
    for name, extra in (("binance", {}), ("binanceusdm", {"e": "bookTicker", "T": time_ms, "E": time_ms + 1})):
        got = tick(adapter(name), {"stream": "btcusdt@bookTicker", "data": data | extra})
        assert (got.bid, got.bid_size, got.ask, got.ask_size) == tuple(map(float, values))
        assert got.seq == update_id
        if extra:
            assert got.ts_ns == time_ms * 10**6


@given(TEXTS, TEXTS, NANOS, IDS, st.sampled_from(["buy", "sell"]))
def test_coinbase_matches(price: str, size: str, ns: int, trade_id: int, maker: str) -> None:
    message = {"type": "match", "trade_id": trade_id, "side": maker, "size": size, "price": price}
    got = tick(adapter("coinbase"), message | {"product_id": "BTC-USD", "sequence": 1, "time": rfc3339(ns)})
    assert (got.price, got.size, got.seq, got.side) == (
        float(price),
        float(size),
        trade_id,
        "buy" if maker == "sell" else "sell",
    )
    assert got.ts_ns == ns


@given(st.tuples(TEXTS, TEXTS, TEXTS, TEXTS), IDS)
def test_coinbase_quotes(values: tuple[str, str, str, str], sequence: int) -> None:
    names = ("best_bid", "best_bid_size", "best_ask", "best_ask_size")
    message = {"type": "ticker", "product_id": "BTC-USD", "sequence": sequence} | dict(zip(names, values, strict=True))
    got = tick(adapter("coinbase"), message)
    assert (got.bid, got.bid_size, got.ask, got.ask_size) == tuple(map(float, values))
    assert got.seq == sequence


@given(
    st.lists(
        st.tuples(NUMBERS, NUMBERS, st.integers(1, 2**62), st.sampled_from(["buy", "sell"])), min_size=1, max_size=5
    ),
    IDS,
)
def test_kraken_trades(trades: list[tuple[float, float, int, str]], first: int) -> None:
    """The ids of a message follow each other."""
    data = [
        {"symbol": "BTC/USD", "price": price, "qty": size, "trade_id": number, "side": side, "timestamp": rfc3339(ns)}
        for number, (price, size, ns, side) in enumerate(trades, first)
    ]
    events = received(adapter("kraken"), {"channel": "trade", "type": "update", "data": data})
    got = [(e.price, e.size, e.ts_ns, e.side, e.seq) for e in events if isinstance(e, Tick)]
    assert got == [(price, size, ns, side, number) for number, (price, size, ns, side) in enumerate(trades, first)]


@given(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), st.integers(1, 2**62))
def test_kraken_quotes(values: tuple[float, float, float, float], ns: int) -> None:
    data = dict(zip(("bid", "bid_qty", "ask", "ask_qty"), values, strict=True))
    message = {"symbol": "BTC/USD", "timestamp": rfc3339(ns), "last": 1.0} | data
    got = tick(adapter("kraken"), {"channel": "ticker", "type": "update", "data": [message]})
    assert (got.bid, got.bid_size, got.ask, got.ask_size) == values
    assert got.ts_ns == ns


@given(TEXTS, TEXTS, st.integers(1, 9_999_999_999), st.integers(0, 999_999), st.sampled_from("bs"))
def test_kraken_v1_trades(price: str, size: str, seconds: int, micros: int, side: str) -> None:
    frame = [1, [[price, size, f"{seconds}.{micros:06d}", side, "l", ""]], "trade", "XBT/USD"]
    ns = seconds * 10**9 + micros * 1000
    if ns >= 2**63:
        return
    got = tick(adapter("kraken-v1"), frame)
    assert (got.price, got.size, got.ts_ns) == (float(price), float(size), ns)
    assert got.side == {"b": "buy", "s": "sell"}[side]


@given(NUMBERS, NUMBERS, st.integers(1, 2**62), IDS, st.lists(st.text(min_size=1, max_size=4), max_size=4))
def test_alpaca_trades(price: float, size: float, ns: int, trade_id: int, conditions: list[str]) -> None:
    message = {"T": "t", "i": trade_id, "S": "AAPL", "x": "V", "p": price, "s": size, "c": conditions, "z": "A"}
    got = tick(adapter("alpaca"), [message | {"t": rfc3339(ns)}])
    assert (got.price, got.size, got.ts_ns, got.seq) == (price, size, ns, f"V-{trade_id}")
    assert got.conditions == tuple(conditions)


@given(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), st.integers(1, 2**62))
def test_alpaca_quotes(values: tuple[float, float, float, float], ns: int) -> None:
    message = {"T": "q", "S": "AAPL", "bx": "U", "ax": "Q", "t": rfc3339(ns), "z": "C"}
    got = tick(adapter("alpaca"), [message | dict(zip(("bp", "bs", "ap", "as"), values, strict=True))])
    assert (got.bid, got.bid_size, got.ask, got.ask_size) == values
    assert got.ts_ns == ns


@given(NUMBERS, NUMBERS, MILLIS, IDS, st.lists(st.integers(0, 99), max_size=4))
def test_polygon_trades(price: float, size: float, time_ms: int, sequence: int, conditions: list[int]) -> None:
    message = {"ev": "T", "sym": "AAPL", "x": 4, "i": "1", "z": 3, "p": price, "s": size, "c": conditions}
    got = tick(adapter("polygon"), [message | {"t": time_ms, "q": sequence}])
    assert (got.price, got.size, got.ts_ns, got.seq) == (price, size, time_ms * 10**6, sequence)
    assert got.conditions == tuple(map(str, conditions))


@given(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), MILLIS)
def test_polygon_quotes(values: tuple[float, float, float, float], time_ms: int) -> None:
    message = {"ev": "Q", "sym": "AAPL", "bx": 4, "ax": 7, "t": time_ms, "z": 3, "q": 1}
    got = tick(adapter("polygon"), [message | dict(zip(("bp", "bs", "ap", "as"), values, strict=True))])
    assert (got.bid, got.bid_size, got.ask, got.ask_size) == values
    assert got.ts_ns == time_ms * 10**6


@given(
    st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS),
    NUMBERS,
    st.integers(0, 10**9),
    st.integers(1, 10**6),
    st.integers(1, 2**31),
)
def test_kabu_boards(
    values: tuple[float, float, float, float], price: float, volume: int, more: int, second: int
) -> None:
    """Buy price, buy quantity, sell price, sell quantity; then a trade of `more`."""
    time = f"{EPOCH + timedelta(seconds=second, hours=9):%Y-%m-%dT%H:%M:%S}+09:00"
    names = ("AskPrice", "AskQty", "BidPrice", "BidQty")
    board = {"Symbol": "7203", "BidTime": time, "AskTime": time} | dict(zip(names, values, strict=True))
    board |= {"CurrentPrice": price, "TradingVolume": volume, "TradingVolumeTime": time}
    venue = adapter("kabu")
    quote = one(venue, board)
    assert isinstance(quote, Tick)
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size) == values
    trade = tick(venue, board | {"TradingVolume": volume + more})
    assert (trade.price, trade.size) == (price, float(more))
    assert trade.ts_ns == quote.ts_ns == second * 10**9
