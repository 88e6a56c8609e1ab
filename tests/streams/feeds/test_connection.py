"""One connection to a venue, over real sockets: subscribed, answered, kept alive, cut, and never telling a secret."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from http import HTTPStatus
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode

from streams.errors import ConfigError, FatalError
from streams.feeds.connection import MAX_FRAME_BYTES, ConnectionLostError, WebSocketSource, shown
from streams.feeds.venue import Event, NonTick, Send
from tests.streams.feeds.ws_server import Cut, FrameServer

SECRET = "k-hidden"  # noqa: S105 - nobody's


class Echo:
    """A venue that takes every frame for a known message, and answers those that ask."""

    name = "echo"
    quiet_s = 5.0
    heartbeat_s = 5.0
    beat: str | None = None

    def __init__(self, url: str, *, subscribe: Sequence[str] = ()) -> None:
        self._url = url
        self._subscribe = subscribe
        self.prepared: list[aiohttp.ClientSession] = []

    def symbols(self) -> tuple[str, ...]:
        return ("A",)

    def url(self) -> str:
        return f"{self._url}/path?key={SECRET}"

    def headers(self) -> Mapping[str, str]:
        return {"X-Key": SECRET}

    def open(self) -> Sequence[str | bytes]:
        return self._subscribe

    def heartbeat(self) -> str | bytes | None:
        return self.beat

    def receive(self, frame: str | bytes, received_ns: int) -> Sequence[Event]:
        assert received_ns == 7
        text = frame if isinstance(frame, str) else frame.decode()
        return (Send("answer"), NonTick(text)) if text == "ask" else (NonTick(text),)


def source(venue: Any, **options: Any) -> WebSocketSource:
    return WebSocketSource(venue, now_ns=lambda: 7, proxy=None, **options)


async def everything(feed: WebSocketSource) -> tuple[list[str], ConnectionLostError]:
    """What one connection said, and how it ended."""
    said: list[str] = []
    try:
        async with aclosing(feed.connect()) as stream:
            async for received_ns, events in stream:
                assert received_ns == 7
                said += [event.kind for event in events if isinstance(event, NonTick)]
    except ConnectionLostError as error:
        return said, error
    raise AssertionError("a connection ends with an error")


async def test_it_subscribes_answers_and_reads_to_the_end() -> None:
    async with FrameServer(["1", "ask", "2", "3"], [Cut(3, "close", 0)], pause_s=lambda _: 0.05) as server:
        feed = source(Echo(server.url, subscribe=["sub A", "sub B"]))
        assert (feed.name, feed.symbols()) == ("echo", ("A",))
        said, error = await everything(feed)
        assert server.said == ["sub A", "sub B", "answer"]
        assert server.headers[0]["X-Key"] == SECRET
    assert said == ["1", "ask", "2"]
    assert (error.reason, str(error)) == ("closed", "echo: the connection ended (1001 going away)")


@pytest.mark.parametrize("how", ["abort", "half"])
async def test_a_connection_cut_without_a_word(how: Any) -> None:
    async with FrameServer(["1", "2" * 500, "3"], [Cut(1, how, 0)]) as server:
        said, error = await everything(source(Echo(server.url)))
    assert said in (["1"], [])
    assert (error.reason, str(error)) == ("closed", "echo: the connection ended (without a closing frame)")


@pytest.mark.parametrize("data", [b"\xff\xfe", b"x" * (MAX_FRAME_BYTES + 1)], ids=["no UTF-8", "too large"])
async def test_a_frame_that_cannot_be_ends_the_connection(data: bytes) -> None:
    async def play(socket: ServerConnection) -> None:
        await socket.send("1")
        socket.transport.write(bytes(Frame(Opcode.TEXT, data).serialize(mask=False)))
        await socket.wait_closed()

    async with serve(play, "127.0.0.1", 0, compression=None) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        said, error = await everything(source(Echo(url)))
    assert (said, error.reason) == (["1"], "closed")


async def test_a_silent_connection_is_cut() -> None:
    venue = Echo("")
    venue.quiet_s = 0.1
    async with FrameServer(["1", "2"], [Cut(1, "stall", 0)]) as server:
        venue._url = server.url
        said, error = await everything(source(venue))
    assert said == ["1"]
    assert (error.reason, str(error)) == ("stale", "echo: nothing received for 0.1 s")


async def test_its_own_heartbeat_is_sent_and_answers_keep_it_alive() -> None:
    venue = Echo("")
    venue.heartbeat_s, venue.beat, venue.quiet_s = 0.02, "beat", 60.0
    async with FrameServer(["1"], greet=lambda text: ["pong"] if text == "beat" else []) as server:
        venue._url = server.url
        async with aclosing(source(venue).connect()) as stream:
            said: list[Event] = []
            async for _, events in stream:
                said += events
                if len(said) == 4:
                    break
    assert said == [NonTick("1"), NonTick("pong"), NonTick("pong"), NonTick("pong")]


@asynccontextmanager
async def deaf() -> AsyncIterator[str]:
    """A server that shakes hands and then reads nothing, so that no ping is answered."""

    async def play(socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        await asyncio.Event().wait()

    server = await serve(play, "127.0.0.1", 0, ping_interval=None, close_timeout=0.1)
    try:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
    finally:
        for connection in list(server.connections):
            connection.transport.abort()
        server.close()


async def test_a_ping_without_answer_cuts_it() -> None:
    async with deaf() as url:
        venue = Echo(url)
        venue.heartbeat_s = 0.05
        said, error = await everything(source(venue, pong_s=0.1))
    assert said == []
    assert (error.reason, str(error)) == ("stale", "echo: no answer to a ping for 0.1 s")


async def test_while_nobody_takes_nothing_is_read_and_nothing_is_stale() -> None:
    venue = Echo("")
    venue.quiet_s, venue.heartbeat_s = 0.05, 0.02
    frames = [f"{n:04}" * 25_000 for n in range(400)]  # more than any buffer on the way holds
    async with FrameServer(frames) as server:
        venue._url = server.url
        async with aclosing(source(venue, pong_s=0.05).connect()) as stream:
            await anext(stream)
            await asyncio.sleep(0.3)  # several times what would be stale
            assert not server.done.is_set(), "the server is held back"
            for frame in frames[1:]:
                _, (event,) = await anext(stream)
                assert event == NonTick(frame)


async def test_the_registration_comes_first() -> None:
    class Registered(Echo):
        failing: Exception | None = None

        async def prepare(self, http: aiohttp.ClientSession) -> None:
            self.prepared.append(http)
            if self.failing is not None:
                raise self.failing

    async with FrameServer(["1"], [Cut(0, "close", 0)]) as server:
        venue = Registered(server.url)
        await everything(source(venue))
        assert len(venue.prepared) == server.connections == 1
        venue.failing = aiohttp.ClientError(f"http://x/?key={SECRET}")
        _, error = await everything(source(venue))
        assert (error.reason, str(error)) == ("prepare", "echo: ClientError while registering")
        assert server.connections == 1
        venue.failing = FatalError("feed echo: wrong password")
        with pytest.raises(FatalError, match="wrong password"):
            await everything(source(venue))


async def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        _, error = await everything(source(Echo(f"ws://127.0.0.1:{port}")))
    assert error.reason == "unreachable"
    assert str(error).startswith(f"echo: ws://127.0.0.1:{port}: ")


@pytest.mark.parametrize(
    ("status", "headers", "wait_s"),
    [(429, {"Retry-After": "17"}, 17.0), (503, {}, 0.0), (503, {"Retry-After": "Wed, 21 Oct 2026"}, 0.0)],
)
async def test_a_server_that_does_not_let_us_in_now(status: int, headers: dict[str, str], wait_s: float) -> None:
    async with answering(status, headers) as url:
        _, error = await everything(source(Echo(url)))
    assert (error.reason, error.retry_after_s) == ("handshake", wait_s)
    assert str(error) == f"echo: {url} answers {status}"


async def test_wrong_credentials_end_it_by_name() -> None:
    async with answering(401, {}) as url:
        with pytest.raises(FatalError, match=f"feed echo: {url} answers 401; check the credentials"):
            await everything(source(Echo(url)))


@asynccontextmanager
async def answering(status: int, headers: dict[str, str]) -> AsyncIterator[str]:
    """A server that answers every handshake with an error."""

    def refuse(connection: ServerConnection, _: Any) -> Any:
        response = connection.respond(HTTPStatus(status), "no\n")
        for name, value in headers.items():
            response.headers[name] = value
        return response

    async def play(_: ServerConnection) -> None:
        raise AssertionError("nobody gets in")

    async with serve(play, "127.0.0.1", 0, process_request=refuse) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def test_no_address_at_all() -> None:
    for url in ("http://127.0.0.1", "nothing"):
        with pytest.raises(ConfigError, match=r"is no WebSocket address; give ws://") as caught:
            await everything(source(Echo(url)))
        assert SECRET not in str(caught.value)


async def test_a_proxy_that_cannot_be_used_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    for address in (f"gopher://user:{SECRET}@h:1", f"socks5://user:{SECRET}@127.0.0.1:1"):
        monkeypatch.setenv("socks_proxy", address)
        with pytest.raises(ConfigError, match=r"feed echo: the proxy that the environment names") as caught:
            await everything(WebSocketSource(Echo("ws://venue.example:1"), now_ns=lambda: 7))
        assert SECRET not in str(caught.value)


async def test_no_secret_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with FrameServer(["1", "2"], [Cut(1, "close", 0)]) as server:
        _, error = await everything(source(Echo(server.url, subscribe=[SECRET])))
    ours = [record.getMessage() for record in caplog.records if record.name != "websockets.server"]
    assert not any(SECRET in text for text in ours)
    assert SECRET not in str(error)
    assert shown(f"wss://user:{SECRET}@h.example:1/x?y={SECRET}") == "wss://h.example:1"
    assert shown("wss://[") == "the address"


async def test_a_frame_that_is_too_large_is_called_so() -> None:
    async with FrameServer(["1", "x" * (20 << 20)], []) as server:
        said, error = await everything(source(Echo(server.url)))
    assert said == ["1"]
    assert error.reason == "closed"
    assert "larger than the 16 MiB" in str(error)
