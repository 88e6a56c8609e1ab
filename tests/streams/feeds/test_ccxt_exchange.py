"""The guards around ccxt, on a client that does as ccxt's does."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from streams.feeds.ccxt_exchange import KEEP_ALIVE_MS, observed


class RefusedError(Exception):
    """As ccxt's own errors."""


class Client:
    """What the guards touch of ccxt's client."""

    def __init__(self, keep_alive: int | None) -> None:
        self.isConnected = False
        self.keepAlive = keep_alive
        self.lastPong = 0
        self.raises: Exception | None = None
        self.rejected: list[Exception] = []

    @property
    def buffer(self) -> list[str]:
        return ["filled"]

    def handle_message(self, message: Any) -> None:
        assert message is not None
        if self.raises is not None:
            raise self.raises

    async def receive(self) -> str:
        return "message"

    def reject(self, error: Exception) -> None:
        self.rejected.append(error)


class Exchange:
    """What the guards touch of ccxt's exchange."""

    def __init__(self) -> None:
        self.made = Client(180_000)
        self.told: list[str] = []

    def client(self, url: str) -> Client:
        assert url
        return self.made

    def on_connected(self, client: Client, message: Any = None) -> None:
        assert message is None
        client.isConnected = True
        self.told.append("connected")

    def on_error(self, _: Client, error: Any) -> None:
        self.told.append(f"error {error}")

    def on_close(self, _: Client, code: Any) -> None:
        self.told.append(f"close {code}")


class Observer:
    def __init__(self) -> None:
        self.messages = 0
        self.troubles: list[Exception] = []
        self.lost: list[Exception] = []
        self.room = True
        self.fails = False

    def on_message(self) -> None:
        self.messages += 1
        if self.fails:
            raise KeyError("cache")

    def on_trouble(self, error: Exception) -> None:
        self.troubles.append(error)

    def on_lost(self, error: Exception) -> None:
        self.lost.append(error)

    def has_room(self) -> bool:
        return self.room


@pytest.fixture
def observer() -> Observer:
    return Observer()


@pytest.fixture
def exchange(observer: Observer) -> Any:
    return observed(Exchange, observer, RefusedError)()


def test_pings_go_out_often_enough(exchange: Any) -> None:
    assert exchange.client("ws://x").keepAlive == KEEP_ALIVE_MS
    exchange.made.keepAlive = 5_000
    assert exchange.client("ws://x").keepAlive == 5_000
    assert type(exchange).__name__ == "Exchange"


def test_the_end_of_a_connection_is_told_even_if_nobody_waits_on_it(exchange: Any, observer: Observer) -> None:
    exchange.on_error(exchange.made, "refused")
    exchange.on_close(exchange.made, 1006)
    assert observer.lost == []
    exchange.on_connected(exchange.made)
    exchange.on_error(exchange.made, ConnectionError("reset"))
    exchange.on_close(exchange.made, 1001)
    assert [str(error) for error in observer.lost] == ["reset", "closed by the exchange, code 1001"]
    assert exchange.told == ["error refused", "close 1006", "connected", "error reset", "close 1001"]


def test_a_message_that_raises_is_told_and_does_not(exchange: Any, observer: Observer) -> None:
    exchange.on_connected(exchange.made)
    client = exchange.made
    for kind in (1, 2, 9, 10):
        client.handle_message(SimpleNamespace(type=kind))
    assert observer.messages == 2
    client.raises = TypeError("bug")
    client.handle_message(SimpleNamespace(type=1))
    assert (observer.troubles, client.rejected) == ([client.raises], [])
    client.raises = RefusedError("no")
    client.handle_message(SimpleNamespace(type=1))
    assert client.rejected == [client.raises]
    client.raises, observer.fails = None, True
    client.handle_message(SimpleNamespace(type=1))
    assert isinstance(observer.troubles[-1], KeyError)


async def test_without_room_nothing_is_read_and_the_connection_is_kept(exchange: Any, observer: Observer) -> None:
    exchange.on_connected(exchange.made)
    client = exchange.made
    assert client.buffer is None
    assert await client.receive() == "message"
    observer.room = False
    reading = asyncio.ensure_future(client.receive())
    async with asyncio.timeout(10):
        while client.lastPong == 0:  # noqa: ASYNC110 - a number of ccxt's
            await asyncio.sleep(0.01)
    assert not reading.done()
    observer.room = True
    async with asyncio.timeout(10):
        assert await reading == "message"
