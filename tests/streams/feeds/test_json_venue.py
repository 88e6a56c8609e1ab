"""A mapping against messages generated from it: exact values out, nothing that is received ever raises."""

import json
import math
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from streams.feeds.credentials import Credentials
from streams.feeds.json_mapping import JsonMapping
from streams.feeds.json_venue import JsonVenue
from streams.feeds.venue import Event, Missing, NonTick, Refused, Send, Subscribed, Unbroken, Unreadable
from streams.records import Tick
from tests.streams.feeds.ws_server import MAPPING

SYMBOLS = ("BTC/USDT", "X.Y")
TRADE: dict[str, Any] = {
    "match": {"e": ["trade", "aggTrade"]},
    "each": "data.items",
    "symbol": "$.data.market",
    "price": "p",
    "size": "q.0",
    "side": "side",
    "sides": {"B": "buy", "S": "sell"},
    "seq": "id",
    "time": "when",
    "time_unit": "us",
}
BOOK: dict[str, Any] = {
    "match": {"e": "book", "live": True},
    "symbol": ["a.b", "market"],
    "bid": "bids.0.0",
    "ask": "asks.0.0",
    "bid_size": "bids.0.1",
    "ask_size": "asks.-1.1",
    "time": "at",
}


def table(*messages: dict[str, Any], **top: Any) -> dict[str, Any]:
    return {
        "name": "v",
        "url": "wss://v.example",
        "symbol_join": "",
        "symbol_case": "lower",
        **top,
        "message": [*messages],
    }


def venue(*messages: dict[str, Any], symbols: Sequence[str] = SYMBOLS, **top: Any) -> JsonVenue:
    return JsonVenue(symbols, mapping=JsonMapping.of(table(*messages, **top), "m.toml"), env={})


prices = st.floats(1e-9, 1e9)
sizes = st.floats(0, 1e9)
written = st.sampled_from([float, str, lambda x: json.loads(repr(x))])
items = st.fixed_dictionaries(
    {
        "p": prices,
        "q": sizes,
        "side": st.sampled_from(["B", "S", None]),
        "id": st.one_of(st.integers(0, 2**62), st.text("abc-", min_size=1, max_size=9), st.none()),
        "when": st.integers(1, 2**63 // 1000 - 1),
        "text": st.booleans(),
    }
)


@given(st.lists(items, max_size=5), st.sampled_from([("btcusdt", "BTC/USDT"), ("x.y", "X.Y")]))
def test_trades_decode_to_what_was_written(made: list[dict[str, Any]], names: tuple[str, str]) -> None:
    theirs, ours = names
    data = [
        {
            "p": str(item["p"]) if item["text"] else item["p"],
            "q": [str(item["q"]) if item["text"] else item["q"]],
            "side": item["side"],
            "id": item["id"],
            "when": str(item["when"]) if item["text"] else item["when"],
            "more": {"p": 0},
        }
        for item in made
    ]
    frame = json.dumps({"e": "trade", "data": {"market": theirs, "items": data}})
    expected = [
        Tick(
            ours,
            item["when"] * 1000,
            price=item["p"],
            size=item["q"],
            side={"B": "buy", "S": "sell", None: None}[item["side"]],
            seq=item["id"],
            venue="v",
            clock="v",
        )
        for item in made
    ]
    assert list(venue(BOOK, TRADE).receive(frame, 5)) == expected
    assert list(venue(BOOK, TRADE).receive(frame.encode(), 5)) == expected


@given(prices, prices, sizes, sizes, st.integers(1, 10**9 - 1))
def test_quotes_decode_to_what_was_written(bid: float, ask: float, bid_size: float, ask_size: float, ns: int) -> None:
    message = {
        "e": "book",
        "live": True,
        "a.b": {"market": "x.y"},
        "bids": [[bid, str(bid_size)], [1, 1]],
        "asks": [[str(ask), 0], [2, ask_size]],
        "at": f"2026-01-05T14:30:00.{ns:09}Z",
    }
    (tick,) = venue(BOOK, TRADE).receive(json.dumps(message), 5)
    assert tick == Tick(
        "X.Y",
        1_767_623_400_000_000_000 + ns,
        bid=bid,
        ask=ask,
        bid_size=bid_size,
        ask_size=ask_size,
        venue="v",
        clock="v",
    )


leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just("trade"))
names = st.sampled_from(["e", "data", "items", "market", "p", "q", "side", "id", "when", "a.b", "bids", "asks", "at"])
documents = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=5)),
    max_leaves=20,
)


@given(st.one_of(st.binary(max_size=60), st.text(max_size=60), documents.map(json.dumps)))
def test_nothing_raises_and_every_tick_is_one(frame: str | bytes) -> None:
    catch_all = {key: value for key, value in TRADE.items() if key != "match"}
    for tested in (
        venue(BOOK, TRADE),
        venue({**catch_all, "price": "p"}),
        venue({"symbol": "s", "price": "", "match": {}}),
    ):
        for event in tested.receive(frame, 5):
            assert isinstance(event, Event)
            if isinstance(event, Tick):
                assert event.symbol in SYMBOLS
                assert event.ts_ns is not None
                assert 0 < event.ts_ns < 2**63
                assert all(p is None or 0 < p < math.inf for p in (event.price, event.bid, event.ask))
            if isinstance(event, Unreadable):
                assert len(event.detail) < 600


def test_deep_and_huge_documents_are_counted() -> None:
    for frame in ("[" * 100_000, "1" * 10_000, '{"e": "trade", "data": {"items": ' + "9" * 5_000 + "}}", b"\xff\xfe"):
        (event,) = venue(TRADE).receive(frame, 5)
        assert isinstance(event, Unreadable)


def reasons(events: Sequence[Event]) -> list[str]:
    return [event.reason for event in events if isinstance(event, Unreadable)]


def test_what_is_wrong_is_said_by_reason() -> None:
    tested = venue(TRADE)
    assert reasons(tested.receive("{", 5)) == ["bad-json"]
    assert reasons(tested.receive('{"e": "other"}', 5)) == ["no-rule"]
    assert reasons(tested.receive('{"e": "trade"}', 5)) == ["no-items"]
    one = {"p": 1, "q": [1], "when": 1}
    for change, reason in (
        ({"p": -1}, "bad-value"),
        ({"p": "1_000"}, "bad-value"),
        ({"p": True}, "bad-value"),
        ({"p": None}, "bad-value"),
        ({"side": "X"}, "bad-value"),
        ({"when": 2**80}, "bad-value"),
        ({"when": None}, "bad-value"),
        ({"q": [-1]}, "bad-value"),
    ):
        frame = {"e": "trade", "data": {"market": "btcusdt", "items": [one, {**one, **change}, one]}}
        events = tested.receive(json.dumps(frame), 5)
        assert reasons(events) == [reason]
        assert sum(isinstance(event, Tick) for event in events) == 2, "one bad item spoils no other"
    stranger = {"e": "trade", "data": {"market": "ethusdt", "items": [one]}}
    assert reasons(tested.receive(json.dumps(stranger), 5)) == ["unknown-symbol"]


def test_numbers_that_follow_prove_it_and_holes_are_named() -> None:
    tested = JsonVenue(("A", "B"), mapping=JsonMapping.of(MAPPING, "m"), env={})

    def receive(symbol: str, seq: int) -> list[type]:
        frame = {"type": "trade", "s": symbol, "p": 1, "q": 1, "i": seq, "t": 1000}
        return [type(event) for event in tested.receive(json.dumps(frame), 5)]

    tested.open()
    assert receive("A", 5) == [Tick], "nothing is known before the first"
    assert receive("A", 6) == [Tick]
    assert receive("B", 1) == [Tick]
    assert receive("A", 9) == [Missing, Tick]
    tested.open()
    assert receive("A", 9) == [NonTick], "sent again: shows nothing, and is no second trade"
    assert receive("A", 10) == [Unbroken, Tick]
    assert receive("A", 11) == [Tick], "said once"
    assert receive("B", 3) == [Missing, Tick]
    tested.open()
    assert receive("B", 4) == [Unbroken, Tick]


def test_with_quotes_beside_the_numbers_nothing_is_proved() -> None:
    quotes = {"match": {"type": "q"}, "symbol": "s", "bid": "b", "ask": "a"}
    mapping = {**MAPPING, "message": [*MAPPING["message"], quotes]}
    tested = JsonVenue(("A",), mapping=JsonMapping.of(mapping, "m"), env={})
    frame = '{"type": "trade", "s": "A", "p": 1, "q": 1, "i": %d, "t": 1000}'
    tested.receive(frame % 1, 5)
    tested.open()
    assert [type(event) for event in tested.receive(frame % 2, 5)] == [Tick]
    assert [type(event) for event in tested.receive(frame % 4, 5)] == [Missing, Tick]


def test_one_kind_of_tick_alone() -> None:
    mapping = JsonMapping.of(table(TRADE, BOOK), "m")
    trade = '{"e": "trade", "data": {"market": "x.y", "items": [{"p": 1, "when": 1}]}}'
    book = '{"e": "book", "live": true, "a.b": {"market": "x.y"}, "bids": [[1]], "asks": [[2]], "at": "%s"}'
    book %= "2026-01-05T00:00:00Z"
    for options, frame, kind in (
        ({"quotes": False}, book, "unwanted-quote"),
        ({"trades": False}, trade, "unwanted-trade"),
    ):
        tested = JsonVenue(SYMBOLS, mapping=mapping, env={}, **options)  # type: ignore[arg-type]  # booleans
        assert tested.receive(frame, 5) == (NonTick(kind),)
    both = JsonVenue(SYMBOLS, mapping=mapping, env={})
    assert [type(e) for frame in (trade, book) for e in both.receive(frame, 5)] == [Tick, Tick]


def test_symbols_in_frames_and_address() -> None:
    tested = venue(
        TRADE,
        url="wss://v.example/{symbols}?k={key}",
        subscribe=['{"ch": {symbols}}', '{"one": "{symbol}"}', '{"login": ["{key}", "{secret}"]}'],
    )
    assert tested.url() == "wss://v.example/btcusdt,x.y?k={key}", "without credentials it stays"
    credentials = Credentials(SecretStr('k"1'), SecretStr("s2"))
    mapping = JsonMapping.of(
        table(
            TRADE,
            url="wss://v.example/{key}",
            subscribe=['{"ch": {symbols}}', '{"one": "{symbol}"}', '{"login": ["{key}", "{secret}"]}'],
        ),
        "m",
    )
    tested = JsonVenue(SYMBOLS, mapping=mapping, credentials=credentials, env={})
    frames = [json.loads(frame) for frame in tested.open()]
    assert frames == [{"ch": ["btcusdt", "x.y"]}, {"one": "btcusdt"}, {"one": "x.y"}, {"login": ['k"1', "s2"]}]
    assert tested.url() == 'wss://v.example/k"1'
    assert tested.heartbeat() is None


def test_no_secret_in_what_is_said() -> None:
    refused = {"match": {"e": "error"}, "kind": "refused"}
    mapping = JsonMapping.of(
        table(TRADE, refused, headers={"X": {"env": "HAYATE_FEED_KEY"}, "Y": {"env": "TOKEN"}}), "m"
    )
    credentials = Credentials(SecretStr("k-hidden"), SecretStr("s-hidden"))
    tested = JsonVenue(SYMBOLS, mapping=mapping, credentials=credentials, env={"TOKEN": "t-hidden"})
    assert tested.headers() == {"X": "k-hidden", "Y": "t-hidden"}
    for frame in ('{"e": "error", "m": "bad k-hidden, s-hidden, t-hidden"}', '{"x": "k-hidden"}', "k-hidden"):
        (event,) = tested.receive(frame, 5)
        assert isinstance(event, Refused | Unreadable)
        assert "hidden" not in event.detail
    assert "hidden" not in repr(tested)


def test_answers_and_subscriptions() -> None:
    ping = {"match": {"e": "ping"}, "kind": "ping", "answer": "pong"}
    ok = {"match": {"e": "ok"}, "kind": "subscribed"}
    busy = {"match": {"e": "busy"}, "kind": "refused", "fatal": False}
    tested = venue(TRADE, ping, ok, busy)
    assert tested.receive('{"e": "ping"}', 5) == (Send("pong"), NonTick("ping"))
    assert tested.receive('{"e": "ok"}', 5) == (Subscribed(SYMBOLS),)
    assert tested.receive('{"e": "busy"}', 5) == (Refused('\'{"e": "busy"}\'', fatal=False),)
