"""Frames written after the venue's documentation."""

import json
from typing import Any

import pytest

from streams.errors import ConfigError
from streams.feeds.credentials import Credentials
from streams.feeds.venue import NonTick, Refused, Send, Subscribed, Unreadable
from streams.feeds.venues.alpaca import Alpaca
from streams.records import Tick
from tests.streams.feeds.venues.adapters import CREDENTIALS, KEY, SECRET, adapter, kind, one, received, tick

TRADE: dict[str, Any] = {
    "T": "t",
    "i": 96921,
    "S": "AAPL",
    "x": "D",
    "p": 126.55,
    "s": 1,
    "t": "2021-02-22T15:51:44.208Z",
    "c": ["@", "I"],
    "z": "C",
}
QUOTE: dict[str, Any] = {
    "T": "q",
    "S": "BRK.B",
    "bx": "U",
    "bp": 87.66,
    "bs": 1,
    "ax": "Q",
    "ap": 87.68,
    "as": 4,
    "t": "2021-02-22T15:51:45.335689322Z",
    "c": ["R"],
    "z": "C",
}


def test_a_trade() -> None:
    assert tick(adapter("alpaca"), [TRADE]) == Tick(
        symbol="AAPL",
        ts_ns=1_614_009_104_208_000_000,
        price=126.55,
        size=1.0,
        seq="D-96921",
        venue="alpaca",
        clock="alpaca",
        conditions=("@", "I"),
    )


def test_a_quote_to_the_nanosecond() -> None:
    assert tick(adapter("alpaca"), [QUOTE]) == Tick(
        symbol="BRK.B",
        ts_ns=1_614_009_105_335_689_322,
        bid=87.66,
        ask=87.68,
        bid_size=1.0,
        ask_size=4.0,
        venue="alpaca",
        clock="alpaca",
        conditions=("R",),
    )


def test_the_ids_of_two_exchanges_do_not_meet() -> None:
    first, second = received(adapter("alpaca"), [TRADE, TRADE | {"x": "V"}])
    assert isinstance(first, Tick)
    assert isinstance(second, Tick)
    assert first.seq != second.seq
    assert tick(adapter("alpaca"), [{key: value for key, value in TRADE.items() if key != "i"}]).seq is None


def test_the_login() -> None:
    venue = adapter("alpaca")
    (login,) = venue.open()
    assert json.loads(login) == {"action": "auth", "key": KEY, "secret": SECRET}
    assert kind(venue, [{"T": "success", "msg": "connected"}]) == "connected"
    step = one(venue, [{"T": "success", "msg": "authenticated"}])
    assert isinstance(step, Send)
    symbols = ["AAPL", "BRK.B"]
    assert json.loads(step.data) == {"action": "subscribe", "trades": symbols, "quotes": symbols}
    listed = {"T": "subscription", "trades": symbols, "quotes": ["BRK.B"], "bars": None}
    assert one(venue, [listed]) == Subscribed(("BRK.B",))


@pytest.mark.parametrize(("quotes", "trades", "channel"), [(False, True, "trades"), (True, False, "quotes")])
def test_one_kind_alone(quotes: bool, trades: bool, channel: str) -> None:
    venue = adapter("alpaca", quotes=quotes, trades=trades)
    step = one(venue, [{"T": "success", "msg": "authenticated"}])
    assert isinstance(step, Send)
    assert json.loads(step.data) == {"action": "subscribe", channel: ["AAPL", "BRK.B"]}
    assert one(venue, [{"T": "subscription", channel: ["AAPL"]}]) == Subscribed(("AAPL",))


@pytest.mark.parametrize(
    ("code", "msg", "fatal"),
    [
        (400, "invalid syntax", True),
        (402, "auth failed", True),
        (404, "auth timeout", False),
        (405, "symbol limit exceeded", True),
        (406, "connection limit exceeded", False),
        (407, "slow client", False),
        (409, "insufficient subscription", True),
        (500, "internal error", False),
    ],
)
def test_refusals(code: int, msg: str, fatal: bool) -> None:
    event = one(adapter("alpaca"), [{"T": "error", "code": code, "msg": msg}])
    assert event == Refused(f"alpaca: {msg} (code {code})", fatal)


def test_a_key_without_a_secret_is_refused() -> None:
    with pytest.raises(ConfigError, match="feed alpaca: no secret beside the key"):
        Alpaca(("AAPL",), credentials=Credentials(CREDENTIALS.key))


@pytest.mark.parametrize(
    ("letter", "expected"),
    [("c", "correction"), ("x", "cancel"), ("s", "trading-status"), ("l", "luld"), ("b", "bar"), ("i", "imbalance")],
)
def test_known_messages_without_ticks(letter: str, expected: str) -> None:
    """They do not take the ticks beside them along."""
    correction = {"T": letter, "S": "AAPL", "x": "M", "oi": 1, "op": 39.1582, "t": "2021-02-22T15:51:44Z"}
    first, second, third = received(adapter("alpaca"), [TRADE, correction, QUOTE])
    assert isinstance(first, Tick)
    assert second == NonTick(expected)
    assert isinstance(third, Tick)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ([{"T": "horoscope"}], "unknown-kind"),
        ([TRADE | {"S": "MSFT"}], "unknown-symbol"),
        ([TRADE | {"p": "126.55"}], "invalid"),
        ([TRADE | {"t": "now"}], "invalid"),
        ([{"S": "AAPL"}], "invalid"),
        ([7], "invalid"),
        ({"T": "t"}, "invalid"),
        ("[{]", "bad-json"),
    ],
)
def test_what_cannot_be_read_is_told(message: object, reason: str) -> None:
    event = one(adapter("alpaca"), message)
    assert isinstance(event, Unreadable)
    assert event.reason == reason


def test_an_empty_side_is_no_quote() -> None:
    assert kind(adapter("alpaca"), [QUOTE | {"bp": 0, "bs": 0}]) == "one-sided-quote"
