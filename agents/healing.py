"""Keeps the view in Redis whole: fills it from `features` at every assignment, and after whatever it may have lost.

A watermark per partition says up to where in `features` the view is filled. It moves

    after the filling at an assignment    to where the topic ended when that began: what this worker makes comes behind
    after the flush of a checkpoint       to where the checkpoint's features ended

and only if it stands where this worker left it. Where it does not (a server that was emptied, or another one in its
place), and after an outage, all partitions are filled again from where theirs stand; where history seconds were given
up because too much waited, those are. What was stored just before such a loss may not be in the topic yet; so the same
is done once more, behind the first checkpoint that began after it, be that one over before the filling is or later.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from random import Random

from agents.store_metrics import StoreMetrics
from streams.errors import HayateError
from tables.features.contract import FeatureFiller
from tables.features.healing import Healed, Healer
from tables.redis_connection import delays

log = logging.getLogger(__name__)

AT_ONCE = 2
"""Partitions that are filled at a time: each holds a stretch of the topic in memory."""
CHECKPOINTS = 2
"""Ends of checkpoints after which one has begun and ended: the first may have begun before."""
NOT_LEFT = "a watermark is not where it was left"
NOTEWORTHY = 1_000
"""Records of a filling that is worth a line in the log."""

Symbols = Callable[[int], Awaitable[frozenset[str]]]
"""The symbols that have a state in a partition."""


@dataclass
class _View:
    """What is known of one partition's view."""

    why: str
    watermark: int | None = None
    filled: bool = False
    """Whether the view is whole up to the watermark."""
    again: bool = False
    """Something was lost while it was being filled, or came into the topic behind the end that it knows."""
    checkpoints_left: int = 0
    """Until it is filled once more."""
    trimmed: int = 0
    """Seconds that had been given up when the last filling began."""
    remaining: int = 0
    task: "asyncio.Task[None] | None" = None


class Healing:
    """The views of one worker's partitions.

    `trimmed` counts the history seconds that the store has given up; `symbols` gives those of a partition.
    """

    def __init__(
        self,
        healer: Healer,
        filler: FeatureFiller,
        metrics: StoreMetrics,
        *,
        trimmed: Callable[[], int],
        symbols: Symbols | None = None,
        rng: Random | None = None,
    ) -> None:
        self._healer = healer
        self._filler = filler
        self._metrics = metrics
        self._trimmed = trimmed
        self._symbols = symbols
        self._rng = rng or Random()  # noqa: S311 - jitter
        self._views: dict[int, _View] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        metrics.healing.set_function(lambda: float(sum(view.task is not None for view in self._views.values())))
        metrics.remaining.set_function(lambda: float(sum(view.remaining for view in self._views.values())))

    def assign(self, partitions: Iterable[int]) -> None:
        """These are ours, and their lanes begin: their rows may be ahead of what was flushed."""
        for partition in partitions:
            if partition not in self._views:
                view = self._views[partition] = _View("assigned")
                self._begin(partition, view)

    async def pause(self, partitions: Iterable[int] | None = None) -> None:
        """Fill nothing of these partitions (None: of any) any more; what is whole may still move its watermark."""
        views = [view for partition, view in self._views.items() if partitions is None or partition in partitions]
        tasks = [view.task for view in views if view.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def forget(self, partitions: Iterable[int]) -> None:
        """These are another worker's."""
        for partition in partitions:
            self._views.pop(partition, None)

    def lost(self, why: str = "the store was away") -> None:
        """Nobody knows what the server still has, of any partition."""
        for partition, view in self._views.items():
            self._refill(partition, view, why)

    async def settled(self, partition: int, end: int | None) -> None:
        """A checkpoint's features, which end at offset `end` (None: unknown) of the topic, are acknowledged, and
        stored as far as this process knows."""
        view = self._views.get(partition)
        if view is None:
            return
        if not view.filled:
            if view.checkpoints_left:
                view.checkpoints_left -= 1
                view.again = view.again or not view.checkpoints_left
            return
        if view.trimmed != self._trimmed():
            self._refill(partition, view, "history was given up while too much waited")
        elif view.checkpoints_left:
            view.checkpoints_left -= 1
            if not view.checkpoints_left:
                view.why = "what was stored just before the loss"
                self._begin(partition, view)
        elif end is not None and end > (view.watermark or 0):
            try:
                moved = await self._filler.advance(partition, view.watermark, end)
            except HayateError as error:
                log.debug("features[%d]: the watermark stays: %s", partition, error)  # the next one moves it as well
                return
            if moved:
                view.watermark = end
            else:
                self.lost(NOT_LEFT)

    async def look(self) -> None:
        """See that the watermarks are where they were left: a quiet partition has no checkpoint that would."""
        for partition, view in list(self._views.items()):
            if not view.filled or view.watermark is None:
                continue
            watermark = view.watermark
            try:
                there = await self._filler.advance(partition, watermark, watermark)
            except HayateError:
                return  # away: the store says so, and its return is heard of
            if not there and view.filled and view.watermark == watermark:
                self.lost(NOT_LEFT)
                return

    def _refill(self, partition: int, view: _View, why: str) -> None:
        view.checkpoints_left = CHECKPOINTS
        if view.task is not None and not view.task.done():
            view.again = True
        elif self._views.get(partition) is view:
            view.why = why
            self._begin(partition, view)

    def _begin(self, partition: int, view: _View) -> None:
        view.filled = False
        view.task = asyncio.create_task(self._fill(partition, view), name=f"filling features[{partition}]")
        view.task.add_done_callback(lambda task: self._ended(partition, view, task))

    def _ended(self, partition: int, view: _View, task: "asyncio.Task[None]") -> None:
        if view.task is task:  # else one that began as this one ended
            view.task, view.remaining = None, 0
        if not task.cancelled() and (error := task.exception()) is not None:
            # A fault of ours: the stream goes on, and the view is whole again after the next assignment.
            log.critical("features[%d] is not filled from the topic any more", partition, exc_info=error)

    async def _fill(self, partition: int, view: _View) -> None:
        waits, said = delays(self._rng), ""
        while True:
            try:
                async with self._turns:
                    if await self._once(partition, view):
                        return
            except HayateError as error:
                if str(error) != said:
                    said = str(error)
                    log.warning("features[%d] cannot be filled now: %s", partition, error)
            await asyncio.sleep(next(waits))

    async def _once(self, partition: int, view: _View) -> bool:
        """Fill; whether the view is whole then."""
        view.again, trimmed = False, self._trimmed()
        watermark = await self._filler.watermark(partition)
        if watermark is None:
            # Were the server emptied while it is filled, nothing would tell: there was no watermark before.
            if not await self._filler.advance(partition, None, 0):
                return False
            watermark = 0
        counted = Healed()

        def progress(done: Healed) -> None:
            view.remaining = done.reached - done.start
            self._metrics.records.inc(done.records - counted.records)
            self._metrics.writes.inc(done.changed - counted.changed)
            counted.records, counted.changed = done.records, done.changed
            if view.remaining:
                log.info("features[%d]: %d records read, at most %d left", partition, done.records, view.remaining)

        symbols = None if self._symbols is None else partial(self._symbols, partition)
        done = await self._healer.heal(partition, watermark, symbols=symbols, on_progress=progress)
        moved = await self._filler.advance(partition, watermark, done.end)
        if not moved or view.again:
            return False
        view.watermark, view.trimmed, view.filled = done.end, trimmed, True
        log.log(
            logging.INFO if done.records >= NOTEWORTHY or view.why != "assigned" else logging.DEBUG,
            "features[%d] (%s): filled from offset %d to %d, %d records read, %d writes",
            partition,
            view.why,
            done.start,
            done.end,
            done.records,
            done.changed,
        )
        return True
