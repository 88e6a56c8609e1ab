"""Frames written after the venue's documentation."""

import json
from typing import Any

import msgspec
import pytest

from streams.errors import ConfigError
from streams.feeds.venue import Missing, NonTick, Refused, Subscribed, Unbroken, Unreadable
from streams.records import Tick
from tests.streams.feeds.venues.adapters import RECEIVED_NS, adapter, kind, one, received, tick

NS = 1_000_000


def trade(trade_id: int = 12345, **fields: object) -> dict[str, Any]:
    data = {
        "e": "trade",
        "E": 1672515782140,
        "s": "BTCUSDT",
        "t": trade_id,
        "p": "16800.50000000",
        "q": "0.00100000",
        "T": 1672515782136,
        "m": True,
        "M": True,
    }
    return {"stream": "btcusdt@trade", "data": data | fields}


def book(**fields: object) -> dict[str, Any]:
    data = {"u": 400900217, "s": "BTCUSDT", "b": "16800.5", "B": "31.21", "a": "16800.6", "A": "40.66"}
    return {"stream": "btcusdt@bookTicker", "data": data | fields}


def test_a_trade() -> None:
    assert tick(adapter("binance"), trade()) == Tick(
        symbol="BTC/USDT",
        ts_ns=1672515782136 * NS,
        price=16800.5,
        size=0.001,
        side="sell",
        seq=12345,
        venue="binance",
        clock="binance",
    )


def test_the_aggressor_is_the_one_who_is_not_the_maker() -> None:
    assert tick(adapter("binance"), trade(m=False)).side == "buy"
    assert tick(adapter("binance"), trade(m=True)).side == "sell"


def test_times_in_microseconds_are_asked_for_and_read() -> None:
    assert adapter("binance").url().endswith("&timeUnit=MICROSECOND")
    assert tick(adapter("binance"), trade(T=1672515782136789)).ts_ns == 1672515782136789 * 1000


def test_a_quote_of_spot_has_the_time_of_receipt() -> None:
    assert tick(adapter("binance"), book()) == Tick(
        symbol="BTC/USDT",
        ts_ns=RECEIVED_NS,
        bid=16800.5,
        ask=16800.6,
        bid_size=31.21,
        ask_size=40.66,
        seq=400900217,
        venue="binance",
        clock="binance",
    )


@pytest.mark.parametrize(("ahead_ms", "clamped"), [(-5, False), (1_270, True), (10_000, True), (10_001, False)])
def test_a_quote_is_not_before_the_trade_it_follows(ahead_ms: int, clamped: bool) -> None:
    """Unless the trade is so far ahead that its own time is the doubtful one."""
    venue = adapter("binance")
    trade_ms = RECEIVED_NS // NS + ahead_ms
    tick(venue, trade(T=trade_ms))
    assert tick(venue, book()).ts_ns == (trade_ms * NS if clamped else RECEIVED_NS)
    assert tick(venue, book(s="ETHUSDT")).ts_ns == RECEIVED_NS, "another symbol's trade says nothing"
    venue.open()
    assert tick(venue, book()).ts_ns == RECEIVED_NS, "nor does one of the connection before"


def test_an_aggregate_counts_for_itself() -> None:
    venue = adapter("binance")
    message = {"e": "aggTrade", "s": "BTCUSDT", "a": 7, "p": "1", "q": "2", "f": 100, "l": 105, "T": 1672515782136}
    frame = {"stream": "btcusdt@aggTrade", "data": message | {"m": False}}
    assert tick(venue, frame).seq == 7
    assert tick(venue, trade(1)).seq == 1
    assert received(venue, {"stream": "btcusdt@aggTrade", "data": message | {"m": False, "a": 9}})[0] == Missing(
        "BTC/USDT", 1672515782136 * NS, "sequence"
    )


def test_a_hole_in_the_ids_is_told_before_the_trade_behind_it() -> None:
    venue = adapter("binance")
    tick(venue, trade(10))
    tick(venue, trade(11))
    hole, behind = received(venue, trade(13))
    assert hole == Missing("BTC/USDT", 1672515782136 * NS, "sequence")
    assert isinstance(behind, Tick)
    assert behind.seq == 13
    assert kind(venue, trade(12)) == "resent"
    assert kind(venue, trade(13)) == "resent"
    assert tick(venue, trade(5, s="ETHUSDT")).symbol == "ETH/USDT", "each symbol has ids of its own"


def test_a_hole_across_a_reconnect_is_noticed() -> None:
    venue = adapter("binance")
    tick(venue, trade(10))
    venue.open()
    assert [type(event) for event in received(venue, trade(12))] == [Missing, Tick]


def test_no_hole_across_a_reconnect_is_said_once_and_of_trades_alone() -> None:
    venue = adapter("binance", quotes=False)
    venue.open()
    tick(venue, trade(10))
    venue.open()
    assert [type(event) for event in received(venue, trade(11))] == [Unbroken, Tick]
    tick(venue, trade(12))
    both = adapter("binance")
    tick(both, trade(10))
    both.open()
    assert isinstance(one(both, trade(11)), Tick), "quotes may be missing"


def test_what_is_subscribed_to() -> None:
    streams = "btcusdt@trade/btcusdt@bookTicker/ethusdt@trade/ethusdt@bookTicker"
    base = "wss://stream.binance.com:9443/stream?streams="
    assert adapter("binance").url() == f"{base}{streams}&timeUnit=MICROSECOND"
    assert "bookTicker" not in adapter("binance", quotes=False).url()
    assert "@trade" not in adapter("binance", trades=False).url()


def test_many_streams_are_subscribed_to_by_messages() -> None:
    venue = adapter("binance", *(f"C{number}/USDT" for number in range(400)))
    assert venue.url().count("@") == 100
    *asked, listed = [json.loads(frame) for frame in venue.open()]
    assert [len(message["params"]) for message in asked] == [500, 200]
    assert {message["method"] for message in asked} == {"SUBSCRIBE"}
    assert len({message["id"] for message in [*asked, listed]}) == 3
    assert listed["method"] == "LIST_SUBSCRIPTIONS"
    assert venue.heartbeat() == venue.open()[-1]


def test_more_streams_than_a_connection_may_have_are_refused() -> None:
    adapter("binance", *(f"C{number}/USDT" for number in range(512)))
    with pytest.raises(ConfigError, match="513 symbols are 1026 streams, over the 1024"):
        adapter("binance", *(f"C{number}/USDT" for number in range(513)))


def test_the_first_list_confirms_and_the_others_are_heartbeats() -> None:
    venue = adapter("binance")
    listed = {"result": ["btcusdt@trade", "btcusdt@bookTicker"], "id": 9000}
    assert one(venue, listed) == Subscribed(("BTC/USDT",))
    assert kind(venue, listed) == "heartbeat"
    venue.open()
    assert one(venue, listed) == Subscribed(("BTC/USDT",))
    assert kind(venue, {"result": None, "id": 1}) == "subscribe-ack"


@pytest.mark.parametrize(
    ("message", "detail", "fatal"),
    [
        ({"error": {"code": 2, "msg": "Invalid request"}, "id": 1}, "Invalid request (code 2)", True),
        ({"code": 3, "msg": "Invalid JSON", "id": "x"}, "Invalid JSON (code 3)", True),
        ({"code": 0, "msg": "Unknown property"}, "Unknown property (code 0)", True),
        ({"error": {"code": -1003, "msg": "Too many requests"}}, "Too many requests (code -1003)", False),
    ],
)
def test_refusals(message: object, detail: str, fatal: bool) -> None:
    assert one(adapter("binance"), message) == Refused(f"binance: {detail}", fatal)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"stream": "btcusdt@depth@100ms", "data": {"e": "depthUpdate", "b": [], "a": []}}, "depth"),
        ({"stream": "btcusdt@depth5", "data": {"lastUpdateId": 1, "bids": [], "asks": []}}, "depth"),
        ({"stream": "btcusdt@kline_1m", "data": {"e": "kline", "k": {"o": "1"}}}, "kline"),
        ({"stream": "btcusdt@markPrice@1s", "data": {}}, "markPrice"),
        ({"e": "serverShutdown", "E": 1770123456789}, "server-shutdown"),
        ({"e": "depthUpdate", "b": [], "a": []}, "depth"),
        ({"lastUpdateId": 160, "bids": [], "asks": []}, "depth"),
    ],
)
def test_known_messages_without_ticks(message: object, expected: str) -> None:
    assert kind(adapter("binance"), message) == expected


@pytest.mark.parametrize("message", [trade()["data"], book()["data"]])
def test_frames_of_a_raw_stream_are_read_too(message: dict[str, Any]) -> None:
    tick(adapter("binance"), message)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"stream": "btcusdt@horoscope", "data": {}}, "unknown-kind"),
        ({"stream": "btcusdt@", "data": {}}, "unknown-kind"),
        ({"stream": "btcusdt@trade"}, "unknown-kind"),
        ({}, "unknown-kind"),
        (trade(s="XRPUSDT"), "unknown-symbol"),
        (book(s="XRPUSDT"), "unknown-symbol"),
        (trade(p="abc"), "invalid"),
        (trade(T=1672515782), "invalid"),
        ({"stream": "btcusdt@trade", "data": {"s": "BTCUSDT"}}, "invalid"),
        ("[]", "invalid"),
        ("{", "bad-json"),
        (b"\xff", "bad-json"),
    ],
)
def test_what_cannot_be_read_is_told(message: object, reason: str) -> None:
    event = one(adapter("binance"), message)
    assert isinstance(event, Unreadable)
    assert event.reason == reason


def test_bytes_are_read_as_text_is() -> None:
    frame = msgspec.json.encode(trade())
    assert adapter("binance").receive(frame, 1) == adapter("binance").receive(frame.decode(), 1)


def test_a_quote_of_futures_has_the_venues_time() -> None:
    message = book(e="bookTicker", T=1568014460891, E=1568014460893)
    got = tick(adapter("binanceusdm"), message)
    assert (got.symbol, got.ts_ns, got.venue) == ("BTC/USDT-USDT", 1568014460891 * NS, "binanceusdm")


def test_trades_of_futures_that_no_order_made() -> None:
    venue = adapter("binanceusdm")
    assert tick(venue, trade(1, X="MARKET")).conditions == ()
    assert tick(venue, trade(2, X="INSURANCE_FUND")).conditions == ("insurance-fund",)
    assert one(venue, trade(3, X="NA", p="0", q="0")) == NonTick("no-execution")
    assert tick(venue, trade(4)).seq == 4, "its id counted"


def test_the_futures_have_addresses_of_their_own() -> None:
    assert adapter("binanceusdm", "BTC/USDT-USDT").url() == (
        "wss://fstream.binance.com/public/stream?streams=btcusdt@trade/btcusdt@bookTicker"
    )
    assert adapter("binancecoinm", "BTC/USD-BTC").url() == (
        "wss://dstream.binance.com/stream?streams=btcusd_perp@trade/btcusd_perp@bookTicker"
    )
