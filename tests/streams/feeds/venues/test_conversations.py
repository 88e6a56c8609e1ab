"""Whole conversations over a real socket, with servers that insist on what the venues' documentation says."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from streams.feeds.connection import WebSocketSource
from streams.feeds.venue import Event, NonTick, Refused, Send, Subscribed, Venue
from streams.records import Tick
from tests.streams.feeds.venues.adapters import KEY, SECRET, adapter

Answering = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def serving(answer: Answering) -> AsyncGenerator[str, None]:
    async with serve(answer, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/venue"


async def until(venue: Venue, last: Callable[[Event], bool]) -> list[Event]:
    """Connect as a feed does, and return what came until an event is the last one."""
    said: list[Event] = []
    stream = WebSocketSource(venue).connect()
    try:
        async for _, events in stream:
            said += events
            if any(map(last, events)):
                return said
    finally:
        await stream.aclose()
    raise AssertionError(said)


def is_tick(event: Event) -> bool:
    return isinstance(event, Tick)


async def tell(socket: ServerConnection, message: object) -> None:
    await socket.send(json.dumps(message))


async def hear(socket: ServerConnection) -> Any:
    return json.loads(await socket.recv())


async def alpaca(socket: ServerConnection) -> None:
    await tell(socket, [{"T": "success", "msg": "connected"}])
    login = await hear(socket)
    if login != {"action": "auth", "key": KEY, "secret": SECRET}:
        await tell(socket, [{"T": "error", "code": 402, "msg": f"auth failed for {login}"}])
        return
    await tell(socket, [{"T": "success", "msg": "authenticated"}])
    asked = await hear(socket)
    assert asked.pop("action") == "subscribe"
    await tell(socket, [{"T": "subscription", "bars": [], **asked}])
    await tell(
        socket,
        [
            {"T": "q", "S": "AAPL", "bp": 1.5, "bs": 2, "ap": 1.6, "as": 3, "t": "2021-02-22T15:51:45.335689322Z"},
            {"T": "t", "S": "AAPL", "i": 1, "x": "V", "p": 1.55, "s": 4, "t": "2021-02-22T15:51:45.4Z"},
        ],
    )
    await socket.wait_closed()


async def test_alpaca() -> None:
    async with serving(alpaca) as url:
        events = await until(adapter("alpaca", url=url), is_tick)
    kinds = [type(event) for event in events]
    assert kinds == [NonTick, Send, Subscribed, Tick, Tick]
    assert events[2] == Subscribed(("AAPL", "BRK.B"))


async def test_alpaca_turns_a_stranger_away() -> None:
    """And what it says of the login does not show the secret."""

    async def strict(socket: ServerConnection) -> None:
        login = await hear(socket)
        await tell(socket, [{"T": "error", "code": 402, "msg": f"auth failed for {login['secret']}"}])
        await socket.wait_closed()

    async with serving(strict) as url:
        *_, refused = await until(adapter("alpaca", url=url), lambda event: isinstance(event, Refused))
    assert refused == Refused("alpaca: auth failed for *** (code 402)", fatal=True)


async def polygon(socket: ServerConnection) -> None:
    await tell(socket, [{"ev": "status", "status": "connected", "message": "Connected Successfully"}])
    assert await hear(socket) == {"action": "auth", "params": KEY}
    await tell(socket, [{"ev": "status", "status": "auth_success", "message": "authenticated"}])
    asked = await hear(socket)
    for channel in asked["params"].split(","):
        await tell(socket, [{"ev": "status", "status": "success", "message": f"subscribed to: {channel}"}])
    await tell(socket, [{"ev": "T", "sym": "MSFT", "p": 114.125, "s": 100, "c": [0], "t": 1536036818784, "q": 7}])
    await socket.wait_closed()


async def test_polygon() -> None:
    async with serving(polygon) as url:
        events = await until(adapter("polygon", url=url), is_tick)
    assert [event for event in events if isinstance(event, Subscribed)] == [
        Subscribed(("AAPL",)),
        Subscribed(("MSFT",)),
    ]


async def binance(socket: ServerConnection) -> None:
    assert socket.request is not None
    streams = socket.request.path.partition("?streams=")[2].partition("&")[0].split("/")
    while (asked := await hear(socket))["method"] == "SUBSCRIBE":
        streams += asked["params"]
        await tell(socket, {"result": None, "id": asked["id"]})
    await tell(socket, {"result": streams, "id": asked["id"]})
    trade = {"e": "trade", "s": "C119USDT", "t": 1, "p": "1.0", "q": "2.0", "T": 1672515782136, "m": True}
    await tell(socket, {"stream": "c119usdt@trade", "data": trade})
    await socket.wait_closed()


async def test_binance_with_more_streams_than_its_url_holds() -> None:
    venue = adapter("binance", *(f"C{number}/USDT" for number in range(120)))
    async with serving(binance) as url:
        events = await until(adapter("binance", *venue.symbols(), url=url), is_tick)
    assert [event for event in events if isinstance(event, Subscribed)] == [Subscribed(venue.symbols())]
    assert NonTick("subscribe-ack") in events


@pytest.mark.parametrize("name", ["coinbase", "kraken", "kraken-v1"])
async def test_a_subscription_comes_before_anything_else(name: str) -> None:
    """Within 5 s at Coinbase; nobody has to say a word first."""
    heard: list[Any] = []

    async def waiting(socket: ServerConnection) -> None:
        heard.append(await hear(socket))
        await tell(socket, {"type": "heartbeat", "product_id": "BTC-USD"} if name == "coinbase" else {"event": "pong"})
        await socket.wait_closed()

    async with serving(waiting) as url:
        await until(adapter(name, url=url), lambda _: True)
    assert "subscribe" in heard[0].values()
