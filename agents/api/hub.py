"""One follower of Redis for all streams of this process: what changed is read once and put into every mailbox.

Redis says what has changed (tables/features/changes.py); what several streams follow is read and encoded once. Reads
come at most every INTERVAL_S and take all that changed meanwhile, so many changes cost no more than some. A value that
becomes stale while nothing changes is an event, too. Where Redis is away, the streams are told, and everything is read
again when it is back.
"""

import asyncio
import logging
import random
from contextlib import suppress
from typing import Final, Protocol

from agents.api.mailbox import KINDS, Event, Kind, Mailbox, wire
from streams.errors import HayateError
from tables.features.answers import LatestFeatures
from tables.redis_connection import delays
from tables.signals.reads import LatestSignal

log = logging.getLogger(__name__)

INTERVAL_S: Final = 0.02
JUDGE_S: Final = 1.0
"""How often what is held is judged again by its age."""
AT_ONCE: Final = 200
"""Symbols of one read."""


class Changes(Protocol):
    """What the hub follows (tables/features/changes.py)."""

    async def open(self) -> None:
        """Connect anew; nothing is watched yet."""

    async def read(
        self, symbols: list[str], *, signals: bool
    ) -> tuple[list[LatestFeatures | None], list[LatestSignal | None]]:
        """Newest features and signals, watched from now on."""

    async def changed(self) -> set[str] | None:
        """Wait for symbols that changed since they were read; None: all may have."""

    def judged_again(self, features: LatestFeatures) -> LatestFeatures:
        """What was read before, as it is to be judged now."""

    async def close(self) -> None:
        """Disconnect."""


class Hub:
    """Follows the symbols of all mailboxes, from the first subscription to the last."""

    def __init__(self, changes: Changes, *, interval_s: float = INTERVAL_S, judge_s: float = JUDGE_S) -> None:
        self._changes = changes
        self._interval_s = interval_s
        self._judge_s = judge_s
        self._boxes: set[Mailbox] = set()
        self._followers: dict[str, set[Mailbox]] = {}
        self._held: dict[tuple[Kind, str], Event] = {}
        self._dirty: set[str] = set()
        self._wake = asyncio.Event()
        self._up: bool | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._turn = asyncio.Lock()
        """Of whoever follows: the one before closes its connections first, or it would close those of the next."""

    def __len__(self) -> int:
        return len(self._boxes)

    def subscribe(self, box: Mailbox) -> None:
        """Send what is there to `box`, and what comes."""
        self._boxes.add(box)
        for symbol in box.symbols:
            self._followers.setdefault(symbol, set()).add(box)
            for kind in box.kinds:
                if (event := self._held.get((kind, symbol))) is not None:
                    box.put(event)
                else:
                    self._dirty.add(symbol)
        if self._up is False:
            box.tell("store", _AWAY)
        self._wake.set()
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._follow(), name="api-follow"),
                asyncio.create_task(self._judge(), name="api-judge"),
            ]

    async def unsubscribe(self, box: Mailbox) -> None:
        """Send nothing more to `box`; symbols that nobody follows any more are forgotten."""
        self._boxes.discard(box)
        for symbol in box.symbols:
            followers = self._followers.get(symbol, set())
            followers.discard(box)
            if not followers:
                self._followers.pop(symbol, None)
                self._dirty.discard(symbol)
                for kind in KINDS:
                    self._held.pop((kind, symbol), None)
        if not self._boxes:
            await self._rest()

    async def close(self) -> None:
        """End every stream."""
        for box in self._boxes:
            box.close()
        await self._rest()

    async def _rest(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _follow(self) -> None:
        async with self._turn:
            try:
                await self._follow_on()
            finally:
                self._up = None
                await self._changes.close()

    async def _follow_on(self) -> None:
        waits = delays(random.Random())  # noqa: S311 - spreads attempts, guards no secret
        while True:
            listening: asyncio.Task[None] | None = None
            try:
                await self._changes.open()
                self._dirty.update(self._followers)
                listening = asyncio.create_task(self._listen(), name="api-listen")
                await self._serve(listening)
            except HayateError as error:
                if self._up is not False:
                    log.warning("streams wait for the store: %s", error)
                    self._tell(up=False)
                if listening is not None:
                    waits = delays(random.Random())  # noqa: S311
                await asyncio.sleep(next(waits))
            except Exception:
                # A fault of ours must not leave streams that look alive and say nothing.
                log.exception("streams begin anew")
                self._tell(up=False)
                await asyncio.sleep(next(waits))
            finally:
                if listening is not None:
                    listening.cancel()
                    with suppress(asyncio.CancelledError, HayateError):
                        await listening

    async def _listen(self) -> None:
        while True:
            changed = await self._changes.changed()
            self._dirty.update(self._followers if changed is None else changed & self._followers.keys())
            self._wake.set()

    async def _serve(self, listening: "asyncio.Task[None]") -> None:
        while True:
            self._wake.clear()
            while self._dirty:
                symbols = sorted(self._dirty)[:AT_ONCE]
                self._dirty.difference_update(symbols)
                wanted = any("signals" in box.kinds for box in self._boxes)
                features, signals = await self._changes.read(symbols, signals=wanted)
                if self._up is not True:
                    self._tell(up=True)
                for symbol, found in zip(symbols, features, strict=True):
                    self._publish(Event("features", symbol, found))
                for symbol, signal in zip(symbols, signals, strict=False):
                    self._publish(Event("signals", symbol, signal))
                await asyncio.sleep(self._interval_s)
            waiting = asyncio.ensure_future(self._wake.wait())
            try:
                await asyncio.wait({waiting, listening}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiting.cancel()
            if listening.done():
                listening.result()

    async def _judge(self) -> None:
        while True:
            await asyncio.sleep(self._judge_s)
            for event in list(self._held.values()):
                if isinstance(event.answer, LatestFeatures):
                    self._publish(Event("features", event.symbol, self._changes.judged_again(event.answer)))

    def _publish(self, event: Event) -> None:
        followers = self._followers.get(event.symbol)
        key = (event.kind, event.symbol)
        if not followers or event.same_as(self._held.get(key)):
            return
        self._held[key] = event
        for box in followers:
            box.put(event)

    def _tell(self, *, up: bool) -> None:
        if self._up is None and up:
            self._up = True
            return
        self._up = up
        for box in self._boxes:
            box.tell("store", _BACK if up else _AWAY)


_AWAY: Final = wire("store", {"up": False})
_BACK: Final = wire("store", {"up": True})
