"""A live feed: from a venue into Kafka, for as long as it is not told to stop."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence
from itertools import groupby
from random import Random
from typing import Any, Final, TypeAlias

from streams.errors import FatalError, RetryError
from streams.feeds.backoff import Backoff
from streams.feeds.clock import Clock, SystemClock
from streams.feeds.connection import ConnectionLostError
from streams.feeds.feed_counts import FeedCounts
from streams.feeds.filters import Filter
from streams.feeds.holes import RECONNECT, START, Holes
from streams.feeds.live_queue import LiveQueue, Queued
from streams.feeds.sink import TickSink
from streams.feeds.venue import Event, EventSource, Missing, NonTick, Refused, Unbroken, Unreadable
from streams.feeds.venue_clock import VenueClock
from streams.marks import ClockMark, GapMark
from streams.records import Tick

log = logging.getLogger(__name__)

MARK_EVERY_S: Final = 1.0
SETTLE_S: Final = 2.0
"""After a reconnect the clock stands still for so long, or until every symbol's hole is marked: a bar in which data
are missing must not close before the mark that says so. And so long after Kafka made the venue's data wait on the wire,
for they are older than the clock here."""
SUMMARY_EVERY_S: Final = 60.0
STOP_S: Final = 10.0
"""What is received when the stop begins has so long to reach Kafka."""
S: Final = 1_000_000_000
_Task: TypeAlias = asyncio.Task[Any]


class LiveFeed:
    """Pumps one source into one producer: connections come and go, what was received is delivered in order.

    Every tick that was received is sent, conflated (quotes, where the queue's policy says so) or filtered, and counted.
    Where ticks are missing a gap mark says so, behind the symbol's last tick and before its next one. Once a second
    the venue's clock is written into every partition; it stands still while there is no connection, for nobody knows
    what is still to come.
    """

    def __init__(
        self,
        source: EventSource,
        sink: TickSink,
        *,
        queue: LiveQueue | None = None,
        filters: Sequence[Filter] = (),
        clock_marks: bool = True,
        venue_clock: VenueClock | None = None,
        backoff: Backoff | None = None,
        give_up_after_s: float = math.inf,
        counts: FeedCounts | None = None,
        clock: Clock | None = None,
        say: Callable[[str], None] = log.info,
        stop_s: float = STOP_S,
    ) -> None:
        """Put the parts together.

        `give_up_after_s`: end with an error when no connection delivered for so long. `say`: gets a summary line every
        minute. `stop_s`: how long the end may take.
        """
        self._source = source
        self._sink = sink
        self._queue = LiveQueue() if queue is None else queue
        self._filters = tuple(filters)
        self._clock_marks = clock_marks
        self._venue_clock = venue_clock or VenueClock()
        self._backoff = backoff or Backoff(Random())  # noqa: S311 - jitter
        self._give_up_after_s = give_up_after_s
        self.counts = counts or FeedCounts(source.name)
        self._clock = clock or SystemClock()
        self._say = say
        self._stop_s = stop_s
        self._holes = Holes(source.symbols())
        self._opened = False
        """Whether there has been a connection."""
        self._open_ns = self._heard_ns = 0
        """When the connection first delivered, and when anything was received last: of the monotonic clock."""
        self._order = asyncio.Lock()
        """Around what is put: a settled hole's mark stays before the tick that follows it."""
        self._late_ns = 0
        """When the queue had room again after it had none for long: what the venue sent meanwhile comes only now."""
        self._taking = self._ending = False
        """Whether a frame's events are being put, and whether no other frame may follow them."""

    async def run(self, stop: asyncio.Event | None = None) -> str:
        """Feed until told to stop, then deliver what was received, and return the account. Runs once.

        Raises:
            FatalError: the venue refused for good, or Kafka did; or what was received could not be delivered in time.
            RetryError: no connection delivered for `give_up_after_s`.
        """
        stop = stop or asyncio.Event()
        self._heard_ns = self._clock.monotonic_ns()
        reading = asyncio.create_task(self._read(), name="feed-source")
        marking = asyncio.create_task(self._mark(), name="feed-clock")
        telling = asyncio.create_task(self._tell(), name="feed-summary")
        stopping = asyncio.create_task(stop.wait(), name="feed-stop")
        writing = asyncio.create_task(self._write(), name="feed-writer")
        working = (reading, marking, stopping, writing)
        try:
            await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
            began_ns = time.monotonic_ns()
            await self._end_reading(reading, marking, writing)
            stopping.cancel()
            self._queue.close()
            left_s = max(self._stop_s - (time.monotonic_ns() - began_ns) / S, 0.0)
            _, late = await asyncio.wait((writing,), timeout=left_s)
        finally:
            everything = (*working, telling)
            for task in everything:
                task.cancel()
            await asyncio.wait(everything)
        failures = [e for task in (writing, reading, marking) if not task.cancelled() and (e := task.exception())]
        if failures:
            raise failures[0]
        if late:
            raise FatalError(
                f"{self._source.name}: Kafka did not take everything within {self._stop_s:g} s of the stop; "
                f"{self.line()}; what is not acknowledged may be missing, start the feed again when Kafka answers"
            )
        return self.line()

    async def _end_reading(self, reading: _Task, marking: _Task, writing: _Task) -> None:
        """Read no other frame; what is in hand while the queue has no room is put as long as somebody empties it."""
        self._ending = True
        marking.cancel()
        if self._taking:
            await asyncio.wait((reading, writing), timeout=self._stop_s, return_when=asyncio.FIRST_COMPLETED)
        reading.cancel()
        await asyncio.wait((reading, marking))

    def line(self) -> str:
        """Return the account so far in one line."""
        sink, queue = self._sink, self._queue
        return self.counts.line(
            sent=sink.sent, acknowledged=sink.acknowledged, queued=len(queue), conflated=queue.conflated
        )

    async def _read(self) -> None:
        """Connect, pass on what comes, and again, until cancelled, refused for good or out of patience."""
        counts, clock = self.counts, self._clock
        while True:
            opened_ns = 0
            wait_s, reason, why = 0.0, "closed", "it ended"
            stream = self._source.connect()
            try:
                async for received_ns, events in stream:
                    self._heard_ns = clock.monotonic_ns()
                    if not opened_ns:
                        opened_ns = self._open_ns = self._heard_ns
                        self._holes.opened(RECONNECT if self._opened else START)
                        self._venue_clock.opened(received_ns)
                        self._opened = counts.connected = True
                    counts.frames += 1
                    self._taking = True
                    async with self._order:
                        await self._take(received_ns, events)
                    self._taking = False
                    self._heard_ns = clock.monotonic_ns()  # not counting what Kafka kept us waiting
                    if self._ending:
                        return
            except RetryError as error:
                why = str(error)
                reason = error.reason if isinstance(error, ConnectionLostError) else "retry"
                wait_s = error.retry_after_s if isinstance(error, ConnectionLostError) else 0.0
            finally:
                counts.connected = self._taking = False
                await stream.aclose()
            counts.lost[reason] += 1
            silent_s = (clock.monotonic_ns() - self._heard_ns) / S
            if silent_s >= self._give_up_after_s:
                raise RetryError(
                    f"{self._source.name}: nothing received for {silent_s:.0f} s (last: {why}); "
                    "see the venue's status page, or give a longer --give-up-after"
                )
            self._backoff.lasted((clock.monotonic_ns() - opened_ns) / S if opened_ns else 0.0)
            pause_s = max(self._backoff.next_s(), wait_s)
            log.warning("%s; connecting again in %.1f s", why, pause_s)
            await clock.sleep(min(pause_s, max(self._give_up_after_s - silent_s, 0.0)))

    async def _take(self, received_ns: int, events: Sequence[Event]) -> None:
        counts = self.counts
        for event in events:
            if isinstance(event, Tick):
                await self._take_tick(event, received_ns)
            elif isinstance(event, NonTick):
                counts.non_ticks[event.kind] += 1
            elif isinstance(event, Unreadable):
                if not counts.unreadable[event.reason]:
                    log.warning("%s: unreadable (%s): %s", self._source.name, event.reason, event.detail)
                counts.unreadable[event.reason] += 1
            elif isinstance(event, Missing):
                mark = self._holes.missing(event.symbol, event.ts_ns, event.reason, across=event.across)
                if mark is not None:
                    await self._gap(mark)
            elif isinstance(event, Unbroken):
                self._holes.unbroken(event.symbol)
            elif isinstance(event, Refused):
                if event.fatal:
                    raise FatalError(f"feed {self._source.name}: refused: {event.detail}")
                raise ConnectionLostError("refused", f"{self._source.name}: refused: {event.detail}")

    async def _take_tick(self, tick: Tick, received_ns: int) -> None:
        ts_ns = tick.ts_ns or received_ns
        for check in self._filters:
            reason = check(tick)
            if reason is not None:
                self.counts.filtered[reason] += 1
                return
        if self._holes.pending and (mark := self._holes.before(tick.symbol, ts_ns)) is not None:
            await self._gap(mark)
        self._venue_clock.note(ts_ns, received_ns)
        if tick.price is None:
            self.counts.quotes += 1
        else:
            self.counts.trades += 1
        await self._put(tick, received_ns)

    async def _gap(self, mark: GapMark) -> None:
        self.counts.gaps[mark.reason] += 1
        await self._put(mark)

    async def _put(self, item: Queued, received_ns: int = 0) -> None:
        began_ns = self._clock.monotonic_ns() if self._queue.full else 0
        await self._queue.put(item, received_ns)
        if began_ns and (now_ns := self._clock.monotonic_ns()) - began_ns > MARK_EVERY_S * S:
            self._late_ns = now_ns

    async def _mark(self) -> None:
        """Write the venue's time once a second, and what is missing of symbols that are quiet."""
        while True:
            await self._clock.sleep(MARK_EVERY_S)
            if not self.counts.connected:
                continue
            now_ns = self._clock.monotonic_ns()
            if self._holes.pending and now_ns - self._open_ns < SETTLE_S * S:
                continue
            async with self._order:
                now_ns = self._clock.monotonic_ns()
                if self._late_ns and now_ns - self._late_ns < SETTLE_S * S:
                    continue
                ts_ns = self._venue_clock.mark_ns(self._clock.now_ns(), now_ns)
                for mark in self._holes.settle(ts_ns):
                    await self._gap(mark)
                if self._clock_marks:
                    await self._put(ClockMark(self._source.name, ts_ns))
                    self.counts.clock_marks += 1

    async def _tell(self) -> None:
        while True:
            await self._clock.sleep(SUMMARY_EVERY_S)
            self._say(self.line())

    async def _write(self) -> None:
        """Hand over what is queued until the queue is closed, and wait until Kafka has it."""
        while taken := await self._queue.take():
            for kind, run in groupby(taken, _kind):
                await self._hand_over(kind, list(run))
        await self._sink.flush()

    async def _hand_over(self, kind: type[Queued], items: Sequence[tuple[Queued, int]]) -> None:
        if kind is Tick:
            ticks = [item for item, _ in items if isinstance(item, Tick)]
            await self._sink.send_received(ticks, [received_ns for _, received_ns in items])
            return
        for item, _ in items:
            if isinstance(item, GapMark):
                await self._sink.send_gap(item)
            elif isinstance(item, ClockMark):
                await self._sink.send_clock(item)


def _kind(queued: tuple[Queued, int]) -> type[Queued]:
    return type(queued[0])
