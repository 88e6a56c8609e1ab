"""Frames written after the venue's documentation."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.feeds.venue import NonTick, Refused, Subscribed, Unreadable
from streams.feeds.venues.kraken_v1 import seconds_ns
from streams.records import Tick
from tests.streams.feeds.venues.adapters import RECEIVED_NS, adapter, kind, one, received, tick

SELL = ["5541.20000", "0.15850568", "1534614057.321597", "s", "l", ""]
BUY = ["6060.00000", "0.02455000", "1534614057.324998", "b", "m", ""]


def trades(*data: list[str]) -> list[object]:
    return [0, list(data), "trade", "XBT/USD"]


def test_trades() -> None:
    first, second = received(adapter("kraken-v1"), trades(SELL, BUY))
    assert first == Tick(
        symbol="BTC/USD",
        ts_ns=1_534_614_057_321_597_000,
        price=5541.2,
        size=0.15850568,
        side="sell",
        venue="kraken-v1",
        clock="kraken-v1",
    )
    assert isinstance(second, Tick)
    assert (second.side, second.ts_ns) == ("buy", 1_534_614_057_324_998_000)


def test_a_spread_is_a_quote() -> None:
    spread = ["5698.40000", "5700.00000", "1542057299.545897", "1.01234567", "0.98765432"]
    assert tick(adapter("kraken-v1"), [0, spread, "spread", "XDG/EUR"]) == Tick(
        symbol="DOGE/EUR",
        ts_ns=1_542_057_299_545_897_000,
        bid=5698.4,
        ask=5700.0,
        bid_size=1.01234567,
        ask_size=0.98765432,
        venue="kraken-v1",
        clock="kraken-v1",
    )


def test_a_ticker_is_a_quote_at_its_receipt() -> None:
    ticker = {"a": ["5525.40000", 1, "1.000"], "b": ["5525.10000", 1, "2.5"], "c": ["5525.1", "0.00398963"]}
    got = tick(adapter("kraken-v1"), [0, ticker, "ticker", "XBT/USD"])
    assert (got.ts_ns, got.bid, got.bid_size, got.ask, got.ask_size) == (RECEIVED_NS, 5525.1, 2.5, 5525.4, 1.0)


def test_trades_from_before_a_reconnect_do_not_come_twice() -> None:
    """Trades of one time on one connection are all new."""
    venue = adapter("kraken-v1")
    assert [type(event) for event in received(venue, trades(SELL, SELL))] == [Tick, Tick]
    venue.open()
    assert [type(event) for event in received(venue, trades(SELL, BUY))] == [NonTick, Tick]


def test_the_subscriptions() -> None:
    first, second = (json.loads(frame) for frame in adapter("kraken-v1").open())
    assert first == {"event": "subscribe", "pair": ["XBT/USD", "XDG/EUR"], "subscription": {"name": "trade"}}
    assert second["subscription"] == {"name": "spread"}
    assert json.loads(str(adapter("kraken-v1").heartbeat())) == {"event": "ping"}


def test_a_symbol_is_confirmed_with_its_last_channel() -> None:
    venue = adapter("kraken-v1")
    ack = {"event": "subscriptionStatus", "status": "subscribed", "pair": "XBT/USD", "channelName": "trade"}
    assert one(venue, ack) == NonTick("ack")
    assert one(venue, ack | {"channelName": "spread"}) == Subscribed(("BTC/USD",))


@pytest.mark.parametrize(("text", "fatal"), [("Currency pair not supported", True), ("Exceeded rate", False)])
def test_refusals(text: str, fatal: bool) -> None:
    message = {"event": "subscriptionStatus", "status": "error", "pair": "XBT/USD", "errorMessage": text}
    assert one(adapter("kraken-v1"), message) == Refused(f"kraken-v1: {text} XBT/USD", fatal)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"event": "heartbeat"}, "heartbeat"),
        ({"event": "pong", "reqid": 42}, "pong"),
        ({"event": "systemStatus", "connectionID": 8628615390848610000, "status": "online", "version": "1"}, "status"),
        ([0, {"as": []}, "book-100", "XBT/USD"], "depth"),
        ([0, {"a": []}, {"b": [], "c": "1"}, "book-10", "XBT/USD"], "depth"),
        ([0, ["1", "2"], "ohlc-5", "XBT/USD"], "ohlc"),
    ],
)
def test_known_messages_without_ticks(message: object, expected: str) -> None:
    assert kind(adapter("kraken-v1"), message) == expected


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"event": "horoscope"}, "unknown-kind"),
        ([], "unknown-kind"),
        ([0, [], "horoscope", "XBT/USD"], "unknown-kind"),
        ([0, [SELL], "trade", "XRP/USD"], "unknown-symbol"),
        ([0, [SELL], 7, "XBT/USD"], "invalid"),
        (trades(["1", "2", "1534614057.1", "x"]), "invalid"),
        (trades(["1", "2", "now", "s"]), "invalid"),
        ([0, ["1", "2", "now", "1", "1"], "spread", "XBT/USD"], "invalid"),
    ],
)
def test_what_cannot_be_read_is_told(message: object, reason: str) -> None:
    event = one(adapter("kraken-v1"), message)
    assert isinstance(event, Unreadable)
    assert event.reason == reason


@given(st.integers(0, 9_999_999_999), st.integers(0, 999_999_999))
def test_no_digit_of_a_time_is_lost(seconds: int, nanos: int) -> None:
    assert seconds_ns(f"{seconds}.{nanos:09d}") == seconds * 1_000_000_000 + nanos
    assert seconds_ns(f"{seconds}.{nanos:09d}".rstrip("0").rstrip(".")) == seconds * 1_000_000_000 + nanos


@pytest.mark.parametrize("text", ["", "-1", "1e9", "1.0000000001", ".5", "1.", "٣"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no decimal number of seconds"):
        seconds_ns(text)
