"""A venue on this machine: a WebSocket server that plays frames, at pace, and misbehaves as a seeded plan says."""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

How = Literal["close", "abort", "half", "stall"]
HOWS: tuple[How, ...] = ("close", "abort", "half", "stall")


class Cut(NamedTuple):
    """How one connection ends."""

    after: int
    """Frames that are played on it."""
    how: How
    """With a closing handshake; without a word; in the middle of a frame; or nothing more comes."""
    skip: int
    """Frames that the venue does not play again: lost to whoever was not connected."""


def plan(seed: int, cuts: int, *, most: int = 40) -> list[Cut]:
    """A plan of `cuts` cuts, the same for the same seed."""
    rng = Random(seed)
    return [
        Cut(rng.randint(1, most), rng.choices(HOWS, (4, 4, 3, 1))[0], rng.choice((0, 0, 1, 2, 7))) for _ in range(cuts)
    ]


@dataclass
class FrameServer:
    """Plays `frames` to whoever connects: one stream of time for all connections, one connection at a time.

    `cuts` end the connections one after another; then a last one plays what is left and stays open. `noise` of a
    frame's number gives frames that go before it. What was being sent when the connection broke is not sent again.
    """

    frames: Sequence[str]
    cuts: Iterable[Cut] = ()
    noise: Callable[[int], Sequence[str]] = lambda _: ()
    pause_s: Callable[[int], float] = lambda _: 0.0
    """Seconds to wait before the frame of this number."""
    ping_every: int = 0
    """Frames between two pings of the server; 0: none."""
    greet: Callable[[str], Sequence[str]] = lambda _: ()
    """What is answered to a frame of the client."""
    port: int = 0
    position: int = 0
    """The next frame to be played."""
    connections: int = 0
    said: list[str] = field(default_factory=list)
    """What clients sent."""
    headers: list[dict[str, str]] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    """Frames that were not played to anybody."""
    doubtful: list[int] = field(default_factory=list)
    """Frames that were sent, or in part, on a connection that then broke: nobody knows whether they arrived."""
    done: asyncio.Event = field(default_factory=asyncio.Event)
    """Everything was played."""
    _server: Server | None = None
    _plan: list[Cut] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._plan = list(self.cuts)
        self._server = await serve(
            self._play, "127.0.0.1", self.port, ping_interval=None, close_timeout=0.2, compression=None
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        for connection in list(self._server.connections):
            connection.transport.abort()
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"ws://127.0.0.1:{self.port}"

    async def _play(self, socket: ServerConnection) -> None:
        self.connections += 1
        assert socket.request is not None
        self.headers.append(dict(socket.request.headers.raw_items()))
        listening = asyncio.create_task(self._listen(socket))
        cut = self._plan.pop(0) if self._plan else None
        began = self.position
        try:
            while self.position < len(self.frames) and (cut is None or self.position - began < cut.after):
                await self._one(socket)
            if cut is not None and self.position < len(self.frames):
                await self._cut(socket, cut, began)
                return
            self.done.set()
            await socket.wait_closed()
        except ConnectionClosed:
            self.doubtful += range(began, self.position)
        finally:
            listening.cancel()

    async def _one(self, socket: ServerConnection) -> None:
        number = self.position
        if (pause_s := self.pause_s(number)) > 0:
            await asyncio.sleep(pause_s)
        if self.ping_every and number % self.ping_every == 0:
            await socket.ping()
        for frame in self.noise(number):
            await socket.send(frame)
        self.position += 1
        await socket.send(self.frames[number])

    async def _cut(self, socket: ServerConnection, cut: Cut, began: int) -> None:
        if cut.how == "close":
            await socket.close(1001, "going away")
        else:
            self.doubtful += range(began, self.position)
        if cut.how == "abort":
            socket.transport.abort()
        elif cut.how == "half":
            data = bytes(Frame(Opcode.TEXT, self.frames[self.position].encode()).serialize(mask=False))
            socket.transport.write(data[: len(data) // 2])
            self.position += 1
            self.skipped.append(self.position - 1)
            socket.transport.close()  # what was written goes out, then the end of the stream
        elif cut.how == "stall":
            await socket.wait_closed()
        lost = range(self.position, min(self.position + cut.skip, len(self.frames)))
        self.skipped += lost
        self.position += len(lost)

    async def _listen(self, socket: ServerConnection) -> None:
        try:
            async for data in socket:
                text = data if isinstance(data, str) else data.decode()
                self.said.append(text)
                for answer in self.greet(text):
                    await socket.send(answer)
        except ConnectionClosed:
            pass


def market(count: int, symbols: Sequence[str], seed: int = 1) -> list[str]:
    """Frames of trades, `i` counting each symbol's from 1; the last frame says that it is the end."""
    rng = Random(seed)
    numbers = dict.fromkeys(symbols, 0)
    frames = []
    for n in range(count):
        symbol = rng.choice(symbols)
        numbers[symbol] += 1
        frames.append(
            json.dumps(
                {
                    "type": "trade",
                    "s": symbol,
                    "p": f"{100 + rng.random():.4f}",
                    "q": str(rng.randint(1, 9)),
                    "i": numbers[symbol],
                    "t": 1_790_000_000_000 + n,
                }
            )
        )
    return [*frames, '{"type": "end"}']


MAPPING: dict[str, Any] = {
    "name": "local",
    "url": "ws://127.0.0.1:1",
    "quiet_s": 0.5,
    "heartbeat_s": 0.2,
    "subscribe": ['{"op": "subscribe", "symbol": "{symbol}"}'],
    "message": [
        {
            "match": {"type": "trade"},
            "symbol": "s",
            "price": "p",
            "size": "q",
            "seq": "i",
            "time": "t",
            "time_unit": "ms",
            "contiguous": True,
        },
        {"match": {"type": "ack"}, "kind": "subscribed"},
        {"match": {"type": "beat"}, "kind": "heartbeat"},
        {"match": {"type": "end"}, "kind": "end"},
        {"match": {"type": "error", "fatal": True}, "kind": "refused"},
        {"match": {"type": "error"}, "kind": "refused", "fatal": False},
    ],
}
"""How a feed reads the frames of `market`."""
