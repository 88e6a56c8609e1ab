"""Frames written after the venue's documentation."""

import json
from typing import Any

import pytest

from streams.feeds.venue import NonTick, Refused, Send, Subscribed, Unreadable
from streams.records import Tick
from tests.streams.feeds.venues.adapters import KEY, adapter, kind, one, received, tick

TRADE: dict[str, Any] = {
    "ev": "T",
    "sym": "MSFT",
    "x": 4,
    "i": "12345",
    "z": 3,
    "p": 114.125,
    "s": 100,
    "c": [0, 12],
    "t": 1536036818784,
    "q": 3681328,
}
QUOTE: dict[str, Any] = {
    "ev": "Q",
    "sym": "MSFT",
    "bx": 4,
    "bp": 114.125,
    "bs": 100,
    "ax": 7,
    "ap": 114.128,
    "as": 160,
    "c": 0,
    "i": [604],
    "t": 1536036818784,
    "q": 50385480,
    "z": 3,
}


def status(word: str, message: str = "") -> list[dict[str, str]]:
    return [{"ev": "status", "status": word, "message": message}]


def test_a_trade() -> None:
    assert tick(adapter("polygon"), [TRADE]) == Tick(
        symbol="MSFT",
        ts_ns=1_536_036_818_784_000_000,
        price=114.125,
        size=100.0,
        seq=3681328,
        venue="polygon",
        clock="polygon",
        conditions=("0", "12"),
    )


def test_a_quote() -> None:
    assert tick(adapter("polygon"), [QUOTE]) == Tick(
        symbol="MSFT",
        ts_ns=1_536_036_818_784_000_000,
        bid=114.125,
        ask=114.128,
        bid_size=100.0,
        ask_size=160.0,
        seq=50385480,
        venue="polygon",
        clock="polygon",
        conditions=("0", "604"),
    )


def test_what_a_quote_may_leave_out() -> None:
    """An absent number is an empty side there."""
    bare = {key: QUOTE[key] for key in ("ev", "sym", "bp", "ap", "t")}
    got = tick(adapter("polygon"), [bare])
    assert (got.bid_size, got.ask_size, got.seq, got.conditions) == (0.0, 0.0, None, ())
    assert kind(adapter("polygon"), [{key: QUOTE[key] for key in ("ev", "sym", "ap", "t")}]) == "one-sided-quote"


def test_times_in_nanoseconds() -> None:
    assert tick(adapter("polygon"), [TRADE | {"t": 1536036818784123456}]).ts_ns == 1536036818784123456


def test_the_login() -> None:
    venue = adapter("polygon")
    (login,) = venue.open()
    assert json.loads(login) == {"action": "auth", "params": KEY}
    assert kind(venue, status("connected", "Connected Successfully")) == "connected"
    done, step = received(venue, status("auth_success", "authenticated"))
    assert done == NonTick("authenticated")
    assert isinstance(step, Send)
    assert json.loads(step.data) == {"action": "subscribe", "params": "T.AAPL,Q.AAPL,T.MSFT,Q.MSFT"}


def test_a_symbol_is_confirmed_with_its_last_channel() -> None:
    venue = adapter("polygon")
    assert one(venue, status("success", "subscribed to: T.AAPL")) == NonTick("ack")
    assert one(venue, status("success", "subscribed to: Q.AAPL")) == Subscribed(("AAPL",))
    assert one(venue, status("success", "subscribed to: T.MSFT,Q.MSFT")) == Subscribed(("MSFT",))
    venue.open()
    assert one(venue, status("success", "subscribed to: Q.AAPL")) == NonTick("ack")


@pytest.mark.parametrize(
    ("word", "message", "fatal"),
    [
        ("auth_failed", "authentication failed", True),
        ("auth_timeout", "", False),
        ("max_connections", "Maximum number of websocket connections exceeded.", False),
        ("error", "You are not authorized to subscribe to T.MSFT", True),
        ("error", "internal error", False),
    ],
)
def test_refusals(word: str, message: str, fatal: bool) -> None:
    assert one(adapter("polygon"), status(word, message)) == Refused(f"polygon: {message or word}", fatal)


@pytest.mark.parametrize(("name", "expected"), [("A", "bar"), ("AM", "bar"), ("LULD", "luld"), ("FMV", "fair-value")])
def test_known_messages_without_ticks(name: str, expected: str) -> None:
    """They do not take the ticks beside them along."""
    first, second, third = received(adapter("polygon"), [TRADE, {"ev": name, "sym": "MSFT", "s": 1}, QUOTE])
    assert isinstance(first, Tick)
    assert second == NonTick(expected)
    assert isinstance(third, Tick)


def test_a_new_status_is_no_error() -> None:
    assert kind(adapter("polygon"), status("maintenance", "soon")) == "status"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ([{"ev": "horoscope"}], "unknown-kind"),
        ([TRADE | {"sym": "TSLA"}], "unknown-symbol"),
        ([TRADE | {"p": None}], "invalid"),
        ([TRADE | {"t": 7}], "invalid"),
        ([{"sym": "MSFT"}], "invalid"),
        ("7", "invalid"),
        ("", "bad-json"),
    ],
)
def test_what_cannot_be_read_is_told(message: object, reason: str) -> None:
    event = one(adapter("polygon"), message)
    assert isinstance(event, Unreadable)
    assert event.reason == reason
