"""A venue behind a WebSocket: one connection at a time, as a source of events."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI
from websockets.frames import CloseCode

from streams.errors import ConfigError, FatalError, RetryError
from streams.feeds.venue import Event, Prepared, Send, Venue
from streams.feeds.watchdog import PONG_S, Watchdog

OPEN_TIMEOUT_S: Final = 15.0
CLOSE_TIMEOUT_S: Final = 2.0
MAX_FRAME_BYTES: Final = 16 * 1024 * 1024
FRAMES_AHEAD: Final = 64
"""Frames that the library reads ahead; beyond them the socket waits."""
_CHECKS: Final = 8
"""Looks of the watchdog per period, so a stale connection is found at most an eighth late."""
_UNAUTHORIZED: Final = 401


class ConnectionLostError(RetryError):
    """A connection was lost, or could not be made; `reason` is a short fixed word (a metric label)."""

    def __init__(self, reason: str, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after_s = retry_after_s
        """What the venue asked to wait, seconds."""


class WebSocketSource:
    """Connects to a venue, subscribes, answers, keeps the connection alive, and yields what its frames say.

    Backpressure reaches the venue: while nobody takes the events the socket is not read.
    """

    def __init__(
        self, venue: Venue, *, now_ns: Callable[[], int] = time.time_ns, pong_s: float = PONG_S, **options: Any
    ) -> None:
        """`options` go to `websockets.connect` (`ssl`, `proxy`)."""
        self.name = venue.name
        self._venue = venue
        self._now_ns = now_ns
        self._pong_s = pong_s
        self._options = options
        # The library writes the headers of the handshake, credentials included, into its debug log.
        self._log = logging.getLogger("hayate.websocket")
        self._log.setLevel(logging.WARNING)

    def symbols(self) -> tuple[str, ...]:
        """Return the symbols as they stand on the ticks."""
        return self._venue.symbols()

    async def connect(self) -> AsyncGenerator[tuple[int, Sequence[Event]], None]:
        """Yield (time of receipt in ns, events) frame by frame until the connection ends.

        Raises:
            ConnectionLostError: it could not be made, was lost or went stale.
            FatalError: the venue does not let us in, or its address is none.
        """
        venue = self._venue
        await self._prepare()
        async with self._open() as socket:
            watchdog = Watchdog(venue.quiet_s, self._pong_s)
            stale: list[str] = []
            tasks = [
                asyncio.create_task(self._watch(socket, watchdog, stale), name=f"watch-{self.name}"),
                asyncio.create_task(self._beat(socket, watchdog), name=f"heartbeat-{self.name}"),
            ]
            try:
                watchdog.listens(time.monotonic())
                for frame in venue.open():
                    await _say(socket, frame)
                while True:
                    watchdog.listens(time.monotonic())
                    data = await socket.recv()
                    received_ns = self._now_ns()
                    watchdog.listens(time.monotonic())  # a venue that takes no answer is as good as gone
                    events = venue.receive(data, received_ns)
                    for event in events:
                        if isinstance(event, Send):
                            await _say(socket, event.data)
                    watchdog.heard()
                    yield received_ns, events
            except ConnectionClosed as error:
                if stale:
                    raise ConnectionLostError("stale", f"{self.name}: {stale[0]}") from None
                raise ConnectionLostError("closed", f"{self.name}: the connection ended ({_said(error)})") from None
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)

    async def _prepare(self) -> None:
        if not isinstance(self._venue, Prepared):
            return
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(OPEN_TIMEOUT_S)) as http:
                await self._venue.prepare(http)
        except (OSError, aiohttp.ClientError) as error:
            # The kind alone: the text of these may hold the address with what it carries.
            raise ConnectionLostError("prepare", f"{self.name}: {type(error).__name__} while registering") from None

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[ClientConnection, None]:
        venue = self._venue
        where = shown(venue.url())
        try:
            socket = await connect(
                venue.url(),
                additional_headers=dict(venue.headers()),
                open_timeout=OPEN_TIMEOUT_S,
                close_timeout=CLOSE_TIMEOUT_S,
                ping_interval=None,  # its answers would count although nobody reads while Kafka is slow
                max_size=MAX_FRAME_BYTES,
                max_queue=FRAMES_AHEAD,
                logger=self._log,
                **self._options,
            )
        except (InvalidURI, ValueError):
            raise ConfigError(
                f"feed {self.name}: {where} is no WebSocket address; give ws://... or wss://..."
            ) from None
        except (InvalidProxy, ImportError):
            # Not the text of these: a proxy's address may hold a password.
            raise ConfigError(
                f"feed {self.name}: the proxy that the environment names (https_proxy, socks_proxy, ...) cannot be "
                "used: give http://host:port, or install python-socks for a SOCKS proxy"
            ) from None
        except InvalidStatus as error:
            status = error.response.status_code
            if status == _UNAUTHORIZED:
                raise FatalError(f"feed {self.name}: {where} answers {status}; check the credentials") from None
            wait_s = _seconds(error.response.headers.get("Retry-After"))
            raise ConnectionLostError("handshake", f"{self.name}: {where} answers {status}", wait_s) from None
        except (InvalidHandshake, OSError, EOFError) as error:  # TimeoutError is an OSError
            why = type(error).__name__ if isinstance(error, InvalidHandshake) else str(error) or "no answer"
            raise ConnectionLostError("unreachable", f"{self.name}: {where}: {why}") from None
        try:
            yield socket
        finally:
            with suppress(ConnectionClosed):
                await socket.close()

    async def _watch(self, socket: ClientConnection, watchdog: Watchdog, stale: list[str]) -> None:
        """Cut a stale connection: a closing handshake would wait for the one who does not answer."""
        period = min(self._venue.quiet_s, self._pong_s) / _CHECKS
        while True:
            await asyncio.sleep(period)
            why = watchdog.stale(time.monotonic())
            if why is not None:
                stale.append(why)
                socket.transport.abort()
                return

    async def _beat(self, socket: ClientConnection, watchdog: Watchdog) -> None:
        """Send the venue's heartbeat, and WebSocket's own ping, every `heartbeat_s`."""
        with suppress(ConnectionClosed):  # the reader sees it too
            while True:
                await asyncio.sleep(self._venue.heartbeat_s)
                beat = self._venue.heartbeat()
                if beat is not None:
                    await socket.send(beat)
                    continue
                watchdog.pinged(time.monotonic())
                await (await socket.ping())
                watchdog.ponged()


async def _say(socket: ClientConnection, data: str | bytes) -> None:
    """Send, if the connection still stands; where it has ended, what came before the end is read first."""
    with suppress(ConnectionClosed):
        await socket.send(data)


def shown(url: str) -> str:
    """Return scheme and host of an address: path and query may hold a key."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return "the address"


def _said(error: ConnectionClosed) -> str:
    if error.sent is not None and error.sent.code == CloseCode.MESSAGE_TOO_BIG:
        return f"a frame is larger than the {MAX_FRAME_BYTES >> 20} MiB that are read: subscribe to less at once"
    if error.rcvd is None:
        return "without a closing frame"
    return f"{error.rcvd.code} {error.rcvd.reason}".strip()[:200]


def _seconds(text: str | None) -> float:
    """`Retry-After` in seconds; 0 where it is absent or a date."""
    return min(float(text), 3_600.0) if text and text.isascii() and text.isdigit() and len(text) < 8 else 0.0
