"""From a source of ticks through filters to a producer, with back-pressure all the way."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence
from itertools import groupby
from typing import Final

from streams.feeds.clock_marks import Marked
from streams.feeds.filters import Filter
from streams.feeds.report import Report
from streams.feeds.sink import TickSink
from streams.feeds.tick_queue import TickQueue
from streams.marks import ClockMark
from streams.records import Tick

QUEUE_SIZE: Final = 1024


class StreamingDataProcessor:
    """Pumps one source into one producer until the source ends or it is told to stop.

    The first filter that names a reason keeps a tick back, and the reason is counted. When the source raises, what was
    read before is still sent and acknowledged, then the error goes on to the caller. When the producer raises, nothing
    more is read. A tick that was read is sent, filtered with a reason, or accounted for by an error: never dropped.
    """

    def __init__(
        self,
        source: Iterable[Marked] | AsyncIterable[Marked],
        producer: TickSink,
        *,
        filters: Sequence[Filter] = (),
        queue_size: int = QUEUE_SIZE,
    ) -> None:
        """Put the parts together; `queue_size` in ticks bounds what is read ahead of the producer."""
        self._source = source
        self._producer = producer
        self._filters = tuple(filters)
        self._queue_size = queue_size
        self._read = 0
        self._filtered: Counter[str] = Counter()

    async def run(self, stop: asyncio.Event | None = None) -> Report:
        """Pump, wait for every acknowledgement, and return the account. Runs once.

        After `stop` is set nothing more is read; what was read is sent and acknowledged.
        """
        began_s = time.monotonic()
        before = self._producer.acknowledged
        queue = TickQueue(self._queue_size)
        reading = asyncio.create_task(self._fill(queue), name="feed-source")
        # Not in _fill itself: a task that is cancelled before its first step never enters its body.
        reading.add_done_callback(lambda _: queue.close())
        stopping = asyncio.create_task((stop or asyncio.Event()).wait(), name="feed-stop")
        stopping.add_done_callback(lambda _: reading.cancel())
        sent = 0
        try:
            while taken := await queue.take():
                sent += await self._send(taken)
            await self._producer.flush()
        finally:
            stopping.cancel()
            reading.cancel()
            await asyncio.wait((reading, stopping))
            failed = None if reading.cancelled() else reading.exception()
        if failed is not None:
            raise failed
        return Report(
            read=self._read,
            sent=sent,
            acknowledged=self._producer.acknowledged - before,
            seconds=time.monotonic() - began_s,
            stopped=reading.cancelled(),
            filtered=dict(self._filtered),
        )

    async def _send(self, taken: Sequence[Marked]) -> int:
        """Hand over what was queued, clock marks in their places; returns how many ticks there were."""
        sent = 0
        for is_mark, run in groupby(taken, lambda item: isinstance(item, ClockMark)):
            if is_mark:
                for mark in run:
                    assert isinstance(mark, ClockMark)
                    await self._producer.send_clock(mark)
            else:
                ticks = [tick for tick in run if isinstance(tick, Tick)]
                await self._producer.send_many(ticks)
                sent += len(ticks)
        return sent

    async def _fill(self, queue: TickQueue) -> None:
        source = self._source
        try:
            if isinstance(source, AsyncIterable):
                async for tick in source:
                    await self._pass(tick, queue)
            else:
                for tick in source:
                    await self._pass(tick, queue)
        finally:
            if isinstance(source, AsyncGenerator):
                await source.aclose()

    async def _pass(self, tick: Marked, queue: TickQueue) -> None:
        if isinstance(tick, ClockMark):
            await queue.put(tick)
            return
        for check in self._filters:
            reason = check(tick)
            if reason is not None:
                self._filtered[reason] += 1
                self._read += 1
                return
        await queue.put(tick)
        self._read += 1
