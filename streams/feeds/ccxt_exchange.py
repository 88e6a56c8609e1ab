"""An exchange of ccxt that tells of every message, and that can be made to wait: the guards around ccxt 4.5.

- `watch...` methods give the last state, not every change: of what comes in between two calls, quotes are lost, and of
  several symbols' trades some wait for the next one. So the caches are looked at after every message instead.
- A message on which ccxt's own handler raises ends the reading of that connection without a word. It is caught.
- A connection that ends between two calls of `watch...` is made anew without a word, and the hole is never known. The
  end is told.
- ccxt 4.5 empties aiohttp's buffer behind its back and since aiohttp 3.13 miscounts: after some thousand messages in
  bursts the socket is paused and never read again. Messages are taken one by one.
- Messages are taken off the socket as fast as they come. Reading waits while nobody has room for them.
- A connection that says nothing is noticed after two missed pongs, at some exchanges minutes later: every 15 s here.
"""

import asyncio
import difflib
import time
from collections.abc import Mapping
from typing import Any, Final, Protocol

from streams.errors import ConfigError
from streams.feeds.credentials import Credentials

KEEP_ALIVE_MS: Final = 15_000
_LOOK_S: Final = 1.0


class Observer(Protocol):
    """Who is told of what happens at an exchange."""

    def on_message(self) -> None:
        """Take note: a message was processed, ccxt's caches have what it said."""
        ...

    def on_trouble(self, error: Exception) -> None:
        """Take note: ccxt raised on a message."""
        ...

    def on_lost(self, error: Exception) -> None:
        """Take note: a connection that had been made ended."""
        ...

    def has_room(self) -> bool:
        """Say whether more messages may come."""
        ...


def load_ccxt() -> Any:
    """The package `ccxt.pro`.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import ccxt.pro  # noqa: PLC0415 - an extra that takes a second to load
    except ImportError:
        raise ConfigError(
            "feed ccxt:...: it takes the package ccxt (extra `feeds`): pip install 'ccxt>=4,<5'"
        ) from None
    return ccxt.pro


def open_exchange(
    name: str, observer: Observer, credentials: Credentials | None = None, config: Mapping[str, Any] | None = None
) -> Any:
    """An exchange of ccxt by its name there, observed; `config` is what its constructor takes. Nothing is connected.

    Raises:
        ConfigError: ccxt is not installed, or has no WebSocket interface of this exchange.
    """
    pro = load_ccxt()
    if name not in pro.exchanges:
        near = ", ".join(difflib.get_close_matches(name, pro.exchanges, 3)) or ", ".join(pro.exchanges)
        raise ConfigError(f"feed ccxt:{name}: ccxt {pro.__version__} has no such WebSocket exchange; it has {near}")
    return observed(getattr(pro, name), observer, pro.BaseError)(_config(credentials) | dict(config or {}))


def _config(credentials: Credentials | None) -> dict[str, Any]:
    config: dict[str, Any] = {"enableRateLimit": True, "newUpdates": True}
    if credentials is not None:
        config["apiKey"] = credentials.key.get_secret_value()
        if credentials.secret is not None:
            config["secret"] = credentials.secret.get_secret_value()
    return config


def observed(exchange: Any, observer: Observer, refusal: type[Exception] = Exception) -> Any:
    """The class `exchange` of ccxt.pro, with the observer told of what happens on its connections.

    `refusal`: the base of ccxt's own errors, with which an exchange says no.
    """

    class Observed(exchange):  # type: ignore[misc]  # a class chosen by name
        def on_connected(self, client: Any, message: Any = None) -> None:
            super().on_connected(client, message)
            _watch(client, observer, refusal)

        def on_error(self, client: Any, error: Any) -> None:
            if client.isConnected:
                observer.on_lost(error)
            super().on_error(client, error)

        def on_close(self, client: Any, error: Any) -> None:
            if client.isConnected:
                observer.on_lost(ConnectionError(f"closed by the exchange, code {error}"))
            super().on_close(client, error)

        def client(self, url: str) -> Any:
            made = super().client(url)
            made.keepAlive = min(made.keepAlive or KEEP_ALIVE_MS, KEEP_ALIVE_MS)
            return made

    Observed.__name__ = Observed.__qualname__ = exchange.__name__  # ccxt's messages have it
    return Observed


def _watch(client: Any, observer: Observer, refusal: type[Exception]) -> None:
    """Put the guards around a connection that was just made, before its first message is read."""
    handle, receive = client.handle_message, client.receive

    def handled(message: Any) -> None:
        try:
            handle(message)
        except Exception as error:  # noqa: BLE001 - whatever ccxt raises would end the reading without a word
            observer.on_trouble(error)
            if isinstance(error, refusal):
                client.reject(error)  # whoever waits on this connection would wait for ever
        # Of 1 text, 2 binary, 9 ping, 10 pong, 256 closing: only the first two say something.
        if message.type in (1, 2):
            try:
                observer.on_message()
            except Exception as error:  # noqa: BLE001 - as above: a cache that holds something else than trades
                observer.on_trouble(error)

    async def received() -> Any:
        while not observer.has_room():
            # The pong that ccxt waits for stands behind what we do not read.
            client.lastPong = time.time_ns() // 1_000_000
            await asyncio.sleep(_LOOK_S / 50)
        return await receive()

    client.handle_message = handled
    client.receive = received
    client.__class__ = type("Client", (type(client),), {"buffer": None})
