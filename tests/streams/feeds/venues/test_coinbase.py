"""Frames written after the venue's documentation."""

import json
from typing import Any

import pytest

from streams.feeds.venue import Missing, NonTick, Refused, Subscribed, Unbroken, Unreadable
from streams.records import Tick
from tests.streams.feeds.venues.adapters import RECEIVED_NS, adapter, kind, one, received, tick

TIME_NS = 1_415_398_768_123_456_000


def match(trade_id: int = 10, **fields: object) -> dict[str, Any]:
    return {
        "type": "match",
        "trade_id": trade_id,
        "sequence": 50,
        "maker_order_id": "ac928c66-ca53-498f-9c13-a110027a60e8",
        "taker_order_id": "132fb6ae-456b-4654-b4e0-d681ac05cea1",
        "time": "2014-11-07T22:19:28.123456Z",
        "product_id": "BTC-USD",
        "size": "5.23512",
        "price": "400.23",
        "side": "sell",
    } | fields


def beat(last_trade_id: int, **fields: object) -> dict[str, Any]:
    return {
        "type": "heartbeat",
        "sequence": 90,
        "last_trade_id": last_trade_id,
        "product_id": "BTC-USD",
        "time": "2014-11-07T22:19:30.000000Z",
    } | fields


TICKER = {
    "type": "ticker",
    "sequence": 37475248783,
    "product_id": "ETH-EUR",
    "price": "1285.22",
    "best_bid": "1285.04",
    "best_bid_size": "0.46688654",
    "best_ask": "1285.27",
    "best_ask_size": "1.56637040",
    "side": "buy",
    "time": "2014-11-07T22:19:28.123456Z",
    "trade_id": 370843401,
    "last_size": "11.4396987",
}


def test_a_match() -> None:
    """The maker sold, so the aggressor bought."""
    assert tick(adapter("coinbase"), match()) == Tick(
        symbol="BTC/USD",
        ts_ns=TIME_NS,
        price=400.23,
        size=5.23512,
        side="buy",
        seq=10,
        venue="coinbase",
        clock="coinbase",
    )
    assert tick(adapter("coinbase"), match(side="buy")).side == "sell"


def test_a_ticker_is_a_quote_alone() -> None:
    assert tick(adapter("coinbase"), TICKER) == Tick(
        symbol="ETH/EUR",
        ts_ns=TIME_NS,
        bid=1285.04,
        ask=1285.27,
        bid_size=0.46688654,
        ask_size=1.5663704,
        seq=37475248783,
        venue="coinbase",
        clock="coinbase",
    )


def test_a_ticker_without_time_or_sizes() -> None:
    bare = {"type": "ticker", "product_id": "ETH-EUR", "best_bid": "1", "best_ask": "2"}
    got = tick(adapter("coinbase"), bare)
    assert (got.ts_ns, got.bid_size, got.ask_size, got.seq) == (RECEIVED_NS, None, None, None)


def test_the_last_match_before_the_first_connection_only_sets_the_count() -> None:
    venue = adapter("coinbase")
    assert kind(venue, match(9, type="last_match")) == "last-match"
    assert tick(venue, match(10)).seq == 10


def test_the_last_match_after_a_reconnect_is_a_tick_if_it_is_new() -> None:
    venue = adapter("coinbase", quotes=False)
    tick(venue, match(10))
    venue.open()
    assert [type(event) for event in received(venue, match(11, type="last_match"))] == [Unbroken, Tick]
    venue.open()
    assert received(venue, match(10, type="last_match")) == [NonTick("resent")], "older: it proves nothing"
    assert received(venue, match(11, type="last_match")) == [NonTick("resent"), Unbroken("BTC/USD")]
    venue.open()
    assert [type(event) for event in received(venue, match(13, type="last_match"))] == [Missing, Tick]


def test_two_heartbeats_find_a_match_that_never_came() -> None:
    venue = adapter("coinbase")
    assert kind(venue, beat(99)) == "heartbeat", "before the first match there is nothing to compare with"
    tick(venue, match(10))
    assert kind(venue, beat(11)) == "heartbeat", "it may have overtaken the match"
    assert received(venue, beat(12)) == [
        NonTick("heartbeat"),
        Missing("BTC/USD", 1_415_398_770_000_000_000, "sequence"),
    ]
    assert tick(venue, match(12)).seq == 12, "11 is missing and marked; 12 came after all"
    assert kind(venue, beat(12)) == "heartbeat"


def test_a_match_that_a_heartbeat_overtook_is_no_hole() -> None:
    venue = adapter("coinbase")
    tick(venue, match(10))
    kind(venue, beat(11))
    tick(venue, match(11))
    assert kind(venue, beat(11)) == "heartbeat"


def test_heartbeats_say_nothing_where_no_trades_are_wanted() -> None:
    venue = adapter("coinbase", trades=False)
    assert [kind(venue, beat(number)) for number in (1, 5, 9)] == ["heartbeat"] * 3


@pytest.mark.parametrize(
    ("quotes", "trades", "channels"),
    [
        (True, True, ["heartbeat", "matches", "ticker"]),
        (False, True, ["heartbeat", "matches"]),
        (True, False, ["heartbeat", "ticker"]),
    ],
)
def test_the_subscription(quotes: bool, trades: bool, channels: list[str]) -> None:
    (frame,) = adapter("coinbase", quotes=quotes, trades=trades).open()
    assert json.loads(frame) == {"type": "subscribe", "product_ids": ["BTC-USD", "ETH-EUR"], "channels": channels}


def test_what_is_confirmed() -> None:
    venue = adapter("coinbase")
    matches = {"name": "matches", "product_ids": ["BTC-USD", "ETH-EUR"]}
    assert one(venue, {"type": "subscriptions", "channels": [matches]}) == NonTick("ack")
    ticker = {"name": "ticker", "product_ids": ["ETH-EUR"]}
    assert one(venue, {"type": "subscriptions", "channels": [matches, ticker]}) == Subscribed(("ETH/EUR",))


@pytest.mark.parametrize(
    ("message", "reason", "fatal"),
    [
        ("Failed to subscribe", "BTC-USDX is not a valid product", True),
        ("Authentication Failed", "", True),
        ("Internal Error", "", False),
    ],
)
def test_refusals(message: str, reason: str, fatal: bool) -> None:
    event = one(adapter("coinbase"), {"type": "error", "message": message, "reason": reason})
    assert event == Refused(f"coinbase: {message}" + (f": {reason}" if reason else ""), fatal)


@pytest.mark.parametrize(("name", "expected"), [("l2update", "depth"), ("snapshot", "depth"), ("done", "order")])
def test_known_messages_without_ticks(name: str, expected: str) -> None:
    message = {"type": name, "product_id": "BTC-USD", "changes": [["buy", "1", "2"]], "time": "x"}
    assert kind(adapter("coinbase"), message) == expected


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"type": "horoscope"}, "unknown-kind"),
        (match(product_id="XRP-USD"), "unknown-symbol"),
        (match(side="both"), "invalid"),
        (match(time=None), "invalid"),
        (match(time="yesterday"), "invalid"),
        (TICKER | {"best_bid": None}, "invalid"),
        ({"product_id": "BTC-USD"}, "invalid"),
    ],
)
def test_what_cannot_be_read_is_told(message: object, reason: str) -> None:
    event = one(adapter("coinbase"), message)
    assert isinstance(event, Unreadable)
    assert event.reason == reason


def test_the_ticker_that_every_subscription_begins_with_is_a_quote_once() -> None:
    venue = adapter("coinbase")
    tick(venue, TICKER)
    venue.open()
    assert kind(venue, TICKER) == "resent"
    assert tick(venue, TICKER | {"sequence": 37475248784}).bid == 1285.04


def test_whether_a_hole_is_from_before_the_connection() -> None:
    venue = adapter("coinbase")
    tick(venue, match(10))
    venue.open()
    (hole, _) = received(venue, match(13))
    assert isinstance(hole, Missing)
    assert hole.across, "nobody listened"
    (hole, _) = received(venue, match(15))
    assert isinstance(hole, Missing)
    assert not hole.across
    venue.open()
    kind(venue, match(15, type="last_match"))
    (hole, _) = received(venue, match(17))
    assert isinstance(hole, Missing)
    assert not hole.across, "the newest trade came at the beginning: 16 is missing since"
    venue.open()
    kind(venue, beat(18))
    (_, hole) = received(venue, beat(18))
    assert isinstance(hole, Missing)
    assert hole.across
    venue.open()
    kind(venue, beat(18))
    kind(venue, beat(19))
    (_, hole) = received(venue, beat(19))
    assert isinstance(hole, Missing)
    assert not hole.across, "the first heartbeat said that nothing was missing until then"
