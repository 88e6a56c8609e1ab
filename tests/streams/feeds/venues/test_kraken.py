"""Frames written after the venue's documentation."""

import json
from typing import Any

import pytest

from streams.feeds.venue import Missing, NonTick, Refused, Subscribed, Unbroken, Unreadable
from streams.records import Tick
from tests.streams.feeds.venues.adapters import RECEIVED_NS, adapter, kind, one, received, tick

TIME_NS = 1_695_631_811_762_248_000


def trade(trade_id: int = 4665906, **fields: object) -> dict[str, Any]:
    return {
        "symbol": "BTC/USD",
        "side": "sell",
        "price": 26221.4,
        "qty": 40.0,
        "ord_type": "market",
        "trade_id": trade_id,
        "timestamp": "2023-09-25T08:50:11.762248Z",
    } | fields


def trades(*data: dict[str, Any], kind: str = "update") -> dict[str, Any]:
    return {"channel": "trade", "type": kind, "data": list(data)}


def ticker(**fields: object) -> dict[str, Any]:
    data = {
        "symbol": "DOGE/EUR",
        "bid": 0.10025,
        "bid_qty": 740.0,
        "ask": 0.10036,
        "ask_qty": 1361.44813783,
        "last": 0.10035,
        "volume": 997038.98383185,
        "timestamp": "2023-09-25T08:50:11.762248Z",
    }
    return {"channel": "ticker", "type": "update", "data": [data | fields]}


def test_trades() -> None:
    """Several in one message; the side is the taker's."""
    first, second = received(adapter("kraken"), trades(trade(1), trade(2, side="buy", price=1, qty=2)))
    assert first == Tick(
        symbol="BTC/USD",
        ts_ns=TIME_NS,
        price=26221.4,
        size=40.0,
        side="sell",
        seq=1,
        venue="kraken",
        clock="kraken",
    )
    assert isinstance(second, Tick)
    assert (second.side, second.price, second.size, second.seq) == ("buy", 1.0, 2.0, 2)


def test_a_ticker_is_a_quote() -> None:
    assert tick(adapter("kraken"), ticker()) == Tick(
        symbol="DOGE/EUR",
        ts_ns=TIME_NS,
        bid=0.10025,
        ask=0.10036,
        bid_size=740.0,
        ask_size=1361.44813783,
        venue="kraken",
        clock="kraken",
    )
    assert tick(adapter("kraken"), ticker(timestamp=None)).ts_ns == RECEIVED_NS


def test_the_first_snapshot_only_sets_the_count() -> None:
    venue = adapter("kraken")
    assert received(venue, trades(trade(5), trade(4), kind="snapshot")) == [NonTick("snapshot")]
    assert isinstance(one(venue, trades(trade(6))), Tick)


def test_a_snapshot_after_a_reconnect_fills_the_hole() -> None:
    venue = adapter("kraken", quotes=False)
    tick(venue, trades(trade(5)))
    venue.open()
    events = received(venue, trades(trade(7), trade(6), trade(5), trade(4), kind="snapshot"))
    assert [type(event) for event in events] == [NonTick, Unbroken, Tick, Tick]
    assert [event.seq for event in events if isinstance(event, Tick)] == [6, 7]
    assert tick(venue, trades(trade(8))).seq == 8


def test_a_snapshot_without_anything_newer_proves_that_nothing_was_missed() -> None:
    venue = adapter("kraken", quotes=False)
    tick(venue, trades(trade(5)))
    venue.open()
    snapshot = trades(trade(5), trade(4), trade(1, symbol="XRP/USD"), kind="snapshot")
    assert received(venue, snapshot) == [NonTick("snapshot"), Unbroken("BTC/USD")]
    assert isinstance(one(venue, trades(trade(6))), Tick)


def test_a_snapshot_that_does_not_reach_back_leaves_a_hole() -> None:
    venue = adapter("kraken")
    tick(venue, trades(trade(5)))
    venue.open()
    events = received(venue, trades(trade(9), trade(8), trade(1, symbol="XRP/USD"), kind="snapshot"))
    assert [type(event) for event in events] == [NonTick, Missing, Tick, Tick]
    assert kind(venue, trades(trade(9))) == "resent"


def test_the_subscriptions() -> None:
    first, second = (json.loads(frame) for frame in adapter("kraken").open())
    symbols = ["BTC/USD", "DOGE/EUR"]
    assert first["params"] == {"channel": "trade", "symbol": symbols, "snapshot": True}
    assert second["params"] == {"channel": "ticker", "symbol": symbols, "event_trigger": "bbo", "snapshot": True}
    assert len(adapter("kraken", quotes=False).open()) == len(adapter("kraken", trades=False).open()) == 1
    assert json.loads(str(adapter("kraken").heartbeat())) == {"method": "ping"}


def test_a_symbol_is_confirmed_with_its_last_channel() -> None:
    venue = adapter("kraken")

    def ack(channel: str, symbol: str) -> dict[str, Any]:
        return {"method": "subscribe", "result": {"channel": channel, "symbol": symbol}, "success": True}

    assert one(venue, ack("trade", "BTC/USD")) == NonTick("ack")
    assert one(venue, ack("ticker", "DOGE/EUR")) == NonTick("ack")
    assert one(venue, ack("ticker", "BTC/USD")) == Subscribed(("BTC/USD",))
    venue.open()
    assert one(venue, ack("ticker", "BTC/USD")) == NonTick("ack")


@pytest.mark.parametrize(
    ("message", "event"),
    [
        (
            {"error": "Currency pair not supported ABC/USD", "method": "subscribe", "success": False},
            Refused("kraken: Currency pair not supported ABC/USD", fatal=True),
        ),
        (
            {"error": "Exceeded msg rate", "method": "subscribe", "success": False, "symbol": "BTC/USD"},
            Refused("kraken: Exceeded msg rate BTC/USD", fatal=False),
        ),
        ({"error": "Malformed request"}, Refused("kraken: Malformed request", fatal=True)),
    ],
)
def test_refusals(message: object, event: Refused) -> None:
    assert one(adapter("kraken"), message) == event


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"channel": "heartbeat"}, "heartbeat"),
        ({"channel": "status", "type": "update", "data": [{"system": "online", "api_version": "v2"}]}, "status"),
        ({"channel": "book", "type": "update", "data": [{"bids": []}]}, "depth"),
        ({"method": "pong", "time_in": "2023-09-24T14:10:23.799685Z"}, "pong"),
        ({"method": "unsubscribe", "success": True, "result": {}}, "ack"),
    ],
)
def test_known_messages_without_ticks(message: object, expected: str) -> None:
    assert kind(adapter("kraken"), message) == expected


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"channel": "horoscope"}, "unknown-kind"),
        ({}, "unknown-kind"),
        (trades(trade(symbol="XRP/USD")), "unknown-symbol"),
        (ticker(symbol="XRP/USD"), "unknown-symbol"),
        (trades(trade(side="both")), "invalid"),
        (trades(trade(timestamp="now")), "invalid"),
        (ticker(timestamp="now"), "invalid"),
        ({"channel": "trade", "data": {}}, "invalid"),
        ({"channel": "trade"}, "bad-json"),
    ],
)
def test_what_cannot_be_read_is_told(message: object, reason: str) -> None:
    event = one(adapter("kraken"), message)
    assert isinstance(event, Unreadable)
    assert event.reason == reason


def test_one_bad_trade_does_not_take_the_others_along() -> None:
    events = received(adapter("kraken"), trades(trade(1), trade(2, timestamp="now"), trade(2)))
    assert [type(event) for event in events] == [Tick, Unreadable, Tick]
