"""Documents fetched from a local server that answers as it likes."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from streams.errors import FatalError
from streams.feeds.connection import ConnectionLostError
from streams.feeds.credentials import Credentials
from streams.feeds.poll_mapping import PollMapping
from streams.feeds.polling import PollingFeed
from streams.feeds.venue import Event, Missing, NonTick, Unbroken, Unreadable
from streams.records import Tick

NOW_NS = 1_700_000_100_000_000_000
AT_MS = 1_700_000_000_000

Answer = Callable[[web.Request], web.Response]


class Server:
    """Gives the next of `answers` to every request; the last one for ever."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: list[Answer] = []
        self.requests: list[web.Request] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        return self.answers[0](request) if len(self.answers) == 1 else self.answers.pop(0)(request)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    running = Server()
    app = web.Application()
    app.router.add_get("/{path:.*}", running.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    running.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield running
    await runner.cleanup()


def trades_page(*numbers: int, **more: Any) -> Answer:
    """The last trades, newest first, as many venues give them."""
    items = [{"id": n, "price": f"{100 + n}.5", "qty": 1, "at": AT_MS + n} for n in sorted(numbers, reverse=True)]
    return lambda _: web.json_response({"data": items}, **more)


TRADES = {
    "each": "data", "price": "price", "size": "qty", "seq": "id", "time": "at", "time_unit": "ms", "history": True,
}  # fmt: skip


def feed(server: Server, *symbols: str, items: Any = None, **options: Any) -> PollingFeed:
    table = {"name": "dex", "url": server.url + options.pop("path", "/trades"), "items": items or [TRADES]}
    given = {name: options.pop(name) for name in ("headers", "timeout_s", "symbol_join", "symbols") if name in options}

    async def at_once(_: float) -> None:
        await asyncio.sleep(0)

    mapping = PollMapping.of(table | given, "poll.toml")
    return PollingFeed(mapping, symbols or ("A",), now_ns=lambda: NOW_NS, sleep=at_once, **options)


async def answers(source: PollingFeed, count: int) -> list[list[Event]]:
    """The events of the next answers on one connection."""
    found: list[list[Event]] = []
    async with asyncio.timeout(20), aclosing(source.connect()) as stream:
        async for received_ns, events in stream:
            assert received_ns == NOW_NS
            found.append(list(events))
            if len(found) == count:
                break
    return found


def seqs(events: list[Event]) -> list[Any]:
    return [event.seq for event in events if isinstance(event, Tick)]


async def test_only_new_items_become_ticks_oldest_first(server: Server) -> None:
    server.answers = [trades_page(1, 2, 3), trades_page(1, 2, 3), trades_page(2, 3, 4, 5), trades_page()]
    first, second, third, fourth = await answers(feed(server), 4)
    assert first[0] == Tick("A", (AT_MS + 1) * 1_000_000, price=101.5, size=1.0, seq=1, venue="dex", clock="dex")
    assert (seqs(first), seqs(third)) == ([1, 2, 3], [4, 5])
    assert second == fourth == [NonTick("unchanged")]


async def test_a_page_without_anything_known_is_a_hole(server: Server) -> None:
    server.answers = [trades_page(1, 2), trades_page(8, 9)]
    _, events = await answers(feed(server), 2)
    assert events[0] == Missing("A", (AT_MS + 8) * 1_000_000, "page")
    assert seqs(events) == [8, 9]


async def test_after_a_failure_an_overlapping_page_proves_that_nothing_is_missing(server: Server) -> None:
    source = feed(server)
    server.answers = [trades_page(1, 2), lambda _: web.Response(status=503, headers={"Retry-After": "7"})]
    with pytest.raises(ConnectionLostError, match="answers 503") as lost:
        await answers(source, 2)
    assert (lost.value.reason, lost.value.retry_after_s) == ("http-503", 7.0)
    server.answers = [trades_page(2, 3)]
    assert (await answers(source, 1))[0][0] == Unbroken("A")
    server.answers = [trades_page(8)]
    assert (await answers(source, 1))[0][0] == Missing("A", (AT_MS + 8) * 1_000_000, "page", across=True)


async def test_after_a_failure_a_document_that_did_not_change_proves_it_too(server: Server) -> None:
    source = feed(server)
    server.answers = [trades_page(1, 2, headers={"ETag": '"a"'}), lambda _: web.Response(status=503)]
    with pytest.raises(ConnectionLostError):
        await answers(source, 2)
    server.answers = [lambda _: web.Response(status=304), lambda _: web.Response(status=304), trades_page(8)]
    first, second, third = await answers(source, 3)
    assert (first, second) == ([NonTick("unchanged"), Unbroken("A")], [NonTick("unchanged")])
    assert third[0] == Missing("A", (AT_MS + 8) * 1_000_000, "page"), "what is missing came later"


async def test_equal_trades_on_one_page_are_two(server: Server) -> None:
    """Without numbers: price and size may be equal, and the page may be fetched again with one more of them."""
    items = [{"each": "", "price": "p", "size": "q", "time": "t", "time_unit": "s"}]

    def page(count: int) -> Answer:
        return lambda _: web.json_response([{"p": 5, "q": 1, "t": 1_700_000_000}] * count)

    server.answers = [page(2), page(3), page(3), page(2), page(4)]
    found = await answers(feed(server, items=items), 5)
    assert [len(seqs(events)) for events in found] == [2, 1, 0, 0, 1]


async def test_a_quote_comes_out_when_it_changed(server: Server) -> None:
    """A price that comes back is news."""
    items = [{"bid": "b", "ask": "a", "bid_size": "B"}]

    def page(bid: float) -> Answer:
        return lambda _: web.json_response({"b": bid, "a": "11", "B": 2})

    server.answers = [page(10), page(10), page(9.5), page(10)]
    found = await answers(feed(server, items=items), 4)
    assert found[0] == [Tick("A", NOW_NS, bid=10.0, ask=11.0, bid_size=2.0, venue="dex", clock="dex")]
    assert [len(seqs(events)) for events in found] == [1, 0, 1, 1]


async def test_what_did_not_change_is_not_sent_again(server: Server) -> None:
    validators = {"ETag": '"v1"', "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
    server.answers = [trades_page(1, headers=validators), lambda _: web.Response(status=304), trades_page(1, 2)]
    found = await answers(feed(server), 3)
    assert found[1] == [NonTick("unchanged")]
    assert seqs(found[2]) == [2]
    asked = [request.headers for request in server.requests]
    assert "If-None-Match" not in asked[0]
    for headers in asked[1:3]:
        assert (headers["If-None-Match"], headers["If-Modified-Since"]) == ('"v1"', validators["Last-Modified"])


async def test_a_document_per_symbol_in_the_venues_spelling(server: Server) -> None:
    server.answers = [trades_page(1), trades_page(1), trades_page(2), trades_page(1)]
    source = feed(server, "BTC/USDT", "X/Y", path="/t?s={symbol}", symbol_join="-", symbols={"X/Y": "xy z"})
    found = await answers(source, 4)
    assert [[tick.symbol for tick in events if isinstance(tick, Tick)] for events in found] == [
        ["BTC/USDT"], ["X/Y"], ["BTC/USDT"], [],
    ]  # fmt: skip
    assert [request.query["s"] for request in server.requests[:2]] == ["BTC-USDT", "xy z"]


async def test_one_document_of_all_symbols(server: Server) -> None:
    items = [{"each": "", "symbol": "s", "bid": "b", "ask": "a"}]
    tickers = [{"s": name, "b": 1, "a": 2} for name in ("AAA", "BBB", "CCC")]
    server.answers = [lambda _: web.json_response(tickers)]
    found = await answers(feed(server, "AAA", "CCC", path="/t?s={symbols}", items=items), 1)
    assert [getattr(event, "symbol", event) for event in found[0]] == [NonTick("other-symbol"), "AAA", "CCC"]
    assert server.requests[0].query["s"] == "AAA,CCC"


async def test_what_cannot_be_read_is_counted_and_the_next_one_is(server: Server) -> None:
    server.answers = [
        lambda _: web.Response(text="<html>"),
        lambda _: web.json_response({"error": "busy"}),
        lambda _: web.json_response({"data": [{"id": 1, "price": "-5", "at": AT_MS}, 7]}),
        lambda _: web.Response(body=b"\xff\xfe["),
        trades_page(1),
    ]
    found = await answers(feed(server), 5)
    reasons = [[event.reason for event in events if isinstance(event, Unreadable)] for events in found]
    assert reasons == [["bad-json"], ["no-items"], ["bad-value", "bad-value"], ["bad-json"], []]
    assert seqs(found[4]) == [1]


async def test_quotes_or_trades_that_are_not_wanted_stay_out(server: Server) -> None:
    server.answers = [trades_page(1)]
    assert await answers(feed(server, trades=False), 1) == [[NonTick("unwanted-trade")]]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 504, 520])
async def test_errors_that_pass_are_tried_again(server: Server, status: int) -> None:
    server.answers = [lambda _: web.Response(status=status, headers={"Retry-After": "Tue, 14 Nov 2023 22:15:30 GMT"})]
    with pytest.raises(ConnectionLostError) as lost:
        await answers(feed(server), 1)
    assert lost.value.reason == f"http-{status}"
    assert lost.value.retry_after_s == 30.0  # the clock shows 22:15:00


@pytest.mark.parametrize("text", ["soon", "", "-5", "Mon, 01 Jan 1900 00:00:00 GMT"])
async def test_a_retry_after_that_says_nothing_is_none(server: Server, text: str) -> None:
    server.answers = [lambda _: web.Response(status=429, headers={"Retry-After": text})]
    with pytest.raises(ConnectionLostError) as lost:
        await answers(feed(server), 1)
    assert lost.value.retry_after_s == 0.0


@pytest.mark.parametrize(("status", "named"), [(400, "url"), (401, "credentials"), (404, "url"), (302, "url")])
async def test_errors_that_stay_are_fatal(server: Server, status: int, named: str) -> None:
    server.answers = [lambda _: web.Response(status=status, headers={"Location": "/elsewhere"})]
    with pytest.raises(FatalError, match=rf"answers {status}; .*{named}"):
        await answers(feed(server), 1)
    assert len(server.requests) == 1, "a redirect is not followed"


async def test_a_server_that_does_not_answer_in_time(server: Server) -> None:
    async def hang(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"data":')
        await asyncio.sleep(30)
        return response

    app = web.Application()
    app.router.add_get("/trades", hang)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    with pytest.raises(ConnectionLostError, match=r"did not answer within 0\.2 s") as lost:
        await answers(feed(server, timeout_s=0.2), 1)
    assert lost.value.reason == "timeout"
    await runner.cleanup()


async def test_nobody_there_and_half_an_answer(server: Server, unused_tcp_port: int) -> None:
    half = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"data":['

    async def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(half)
        await writer.drain()
        writer.close()

    broken = await asyncio.start_server(cut, "127.0.0.1", unused_tcp_port)
    server.url = f"http://127.0.0.1:{unused_tcp_port}"
    with pytest.raises(ConnectionLostError, match="ClientPayloadError"):
        await answers(feed(server), 1)
    broken.close()
    await broken.wait_closed()
    with pytest.raises(ConnectionLostError) as lost:
        await answers(feed(server), 1)
    assert lost.value.reason == "unreachable"


async def test_a_document_without_end_is_not_kept(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.feeds.polling.MAX_BYTES", 1_000)
    server.answers = [lambda _: web.Response(body=b" " * 500_000)]
    (events,) = await answers(feed(server), 1)
    assert [event.reason for event in events if isinstance(event, Unreadable)] == ["too-large"]


async def test_secrets_go_into_the_request_and_nowhere_else(server: Server) -> None:
    seen: list[tuple[str, str]] = []

    def refuse(request: web.Request) -> web.Response:
        seen.append((request.headers["X-Key"], request.query["token"]))
        return web.Response(status=403, text=json.dumps(dict(request.headers)))

    server.answers = [refuse]
    source = feed(
        server,
        path="/t?token={secret}",
        headers={"X-Key": {"env": "HAYATE_FEED_KEY"}, "X-Other": "plain"},
        credentials=Credentials(SecretStr("hunter2"), SecretStr("open/sesame")),
    )
    with pytest.raises(FatalError) as refused:
        await answers(source, 1)
    assert seen == [("hunter2", "open/sesame")]
    assert "hunter2" not in str(refused.value)
    assert "sesame" not in str(refused.value)
    server.url = "http://127.0.0.1:1"
    with pytest.raises(ConnectionLostError) as lost:
        await answers(feed(server, path="/?{key}", credentials=Credentials(SecretStr("hunter2"))), 1)
    assert "hunter2" not in str(lost.value)
