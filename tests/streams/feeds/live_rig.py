"""A live feed over a source that a test holds in its hand, and time that only a test moves."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from random import Random
from typing import Any

from streams.feeds.backoff import Backoff
from streams.feeds.connection import ConnectionLostError
from streams.feeds.live import LiveFeed
from streams.feeds.sink import MemorySink
from streams.feeds.venue import Event
from streams.feeds.venue_clock import VenueClock
from streams.marks import ClockMark
from streams.records import Tick

S = 1_000_000_000
WALL_NS = 1_790_000_000 * S


class HandClock:
    """Time moves when a test says so; whoever sleeps until then is woken."""

    def __init__(self) -> None:
        self.elapsed_ns = 0
        self._sleepers: list[tuple[int, asyncio.Event]] = []

    def now_ns(self) -> int:
        return WALL_NS + self.elapsed_ns

    def monotonic_ns(self) -> int:
        return 77 + self.elapsed_ns

    async def sleep(self, seconds: float) -> None:
        due = (self.elapsed_ns + round(seconds * S), asyncio.Event())
        self._sleepers.append(due)
        await due[1].wait()

    async def advance(self, seconds: float) -> None:
        """Move, in steps, so that whoever sleeps again meanwhile is woken in its turn."""
        end = self.elapsed_ns + round(seconds * S)
        while True:
            await settled()
            due = sorted((at, n) for n, (at, _) in enumerate(self._sleepers))
            if not due or due[0][0] > end:
                break
            at, event = self._sleepers.pop(due[0][1])
            self.elapsed_ns = max(self.elapsed_ns, at)
            event.set()
        self.elapsed_ns = end
        await settled()


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(60):
        await asyncio.sleep(0)


class Script:
    """A source: each connection plays its part; an event is yielded alone, an exception raised, a number is a pause in
    seconds, None waits for ever. Connections beyond the script raise the last error again."""

    name = "v"

    def __init__(self, clock: HandClock, *connections: Sequence[object], symbols: Sequence[str] = ("A", "B")) -> None:
        self.clock = clock
        self.script = list(connections)
        self.connected = 0
        self.closed = 0
        self._symbols = tuple(symbols)

    def symbols(self) -> tuple[str, ...]:
        return self._symbols

    async def connect(self) -> AsyncGenerator[tuple[int, Sequence[Event]], None]:
        part = self.script[min(self.connected, len(self.script) - 1)]
        self.connected += 1
        try:
            for item in part:
                if isinstance(item, Exception):
                    raise item
                if item is None:
                    await asyncio.Event().wait()
                elif isinstance(item, int | float):
                    await self.clock.sleep(item)
                else:
                    yield self.clock.now_ns(), (item,)  # type: ignore[misc]  # an event
        finally:
            self.closed += 1


def trade(symbol: str, seq: int, at_s: float = 0.0) -> Tick:
    return Tick(symbol, WALL_NS + round(at_s * S), price=1.0, seq=seq, venue="v", clock="v")


class Rig:
    """A feed with everything that a test looks at."""

    def __init__(self, *connections: Sequence[object], partitions: int = 1, **options: Any) -> None:
        self.clock = HandClock()
        self.source = Script(self.clock, *connections)
        self.sink = MemorySink(partitions)
        self.said: list[str] = []
        self.feed = LiveFeed(
            self.source,
            self.sink,
            clock=self.clock,
            backoff=Backoff(Random(1), first_s=1.0, longest_s=8.0),
            venue_clock=options.pop("venue_clock", None) or VenueClock(500),
            say=self.said.append,
            **options,
        )
        self.stop = asyncio.Event()
        self.running: asyncio.Task[str] | None = None

    async def run(self, seconds: float) -> None:
        if self.running is None:
            self.running = asyncio.create_task(self.feed.run(self.stop))
        await self.clock.advance(seconds)

    async def end(self) -> str:
        self.stop.set()
        assert self.running is not None
        return await self.running

    @property
    def log(self) -> list[object]:
        return list(self.sink.log[0])

    def kinds(self) -> list[str]:
        """The log in short: `A1` a tick, `gap A reconnect`; clock marks are left out."""
        return [
            f"{item.symbol}{item.seq}" if isinstance(item, Tick) else f"gap {item.symbol} {item.reason}"
            for item in self.sink.log[0]
            if not isinstance(item, ClockMark)
        ]


LOST = ConnectionLostError("closed", "v: gone")
