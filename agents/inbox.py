"""What a lane has been offered and has not processed yet: each offset once, in order, with no hole unless the log has
one."""

import asyncio
import logging
from collections import deque

from aiokafka import ConsumerRecord
from faust.types import TP

from agents.job import Broker
from streams.kafka.batching import Batch
from streams.kafka.contiguity import Contiguity
from streams.kafka.tail import TailReader

log = logging.getLogger(__name__)

MAX_WAITING = 4_000
"""Input records that wait in a lane before the agent stops taking more; Faust then pauses the partitions."""


class Inbox:
    """The polls of one partition, on their way into its lane."""

    def __init__(self, tp: TP, broker: Broker, tails: TailReader) -> None:
        self._tp = tp
        self._broker = broker
        self._tails = tails
        self._waiting: deque[Batch] = deque()
        self._records = 0
        self._room = asyncio.Event()
        self._closed = False
        self._contiguity = Contiguity(0)

    def __len__(self) -> int:
        """Batches that wait."""
        return len(self._waiting)

    async def open(self, offset: int) -> None:
        """Take records from `offset` on, and read from there."""
        self._contiguity = Contiguity(offset)
        # Where Faust's consumer stands now is unknown: after a failure it is ahead, at a start its seek may be racing
        # with its polls. One seek of our own settles it.
        self._contiguity.reread(await self._broker.reread(self._tp, offset))

    def put(self, batch: Batch) -> None:
        """Queue a poll."""
        self._waiting.append(batch)
        self._records += len(batch.records)

    def following(self, records: list[ConsumerRecord]) -> Batch | None:
        """Those records as a batch, if they are next behind all that was taken and queued, and there is room."""
        contiguity = self._contiguity
        end = contiguity.expected
        if self._waiting:
            newest = self._waiting[-1]
            end = newest.records[-1].offset + 1 if newest.epoch >= contiguity.epoch else -1
        if records[0].offset != end or self._records > MAX_WAITING or self._closed:
            return None
        return Batch(self._tp, records, contiguity.epoch)

    async def room(self) -> None:
        """Wait while too much is queued."""
        while self._records > MAX_WAITING and not self._closed:
            self._room.clear()
            await self._room.wait()

    def close(self) -> None:
        """Keep nobody waiting: nothing will be taken any more."""
        self._closed = True
        self._room.set()

    def take_now(self, batch: Batch) -> list[ConsumerRecord] | None:
        """Records of a poll that nothing waits before; None where a hole has to be looked into first: `put` it then."""
        records, gap = self._contiguity.take(batch)
        return records if gap is None else None

    async def take(self) -> list[ConsumerRecord]:
        """All that is queued and continues where the last batch ended.

        Raises:
            RetryError: the log does not answer.
        """
        contiguity = self._contiguity
        taken: list[ConsumerRecord] = []
        while self._waiting:
            batch = self._waiting.popleft()
            self._records -= len(batch.records)
            self._room.set()
            records, gap = contiguity.take(batch)
            if gap is not None and not await self._gap_is_real(gap):
                contiguity.reread(await self._broker.reread(self._tp, contiguity.expected))
                continue
            if gap is not None:
                contiguity.accept_gap(gap)
                records, _ = contiguity.take(batch)
            taken += records
        return taken

    async def _gap_is_real(self, first: int) -> bool:
        expected = self._contiguity.expected
        if await self._tails.first_offset(self._tp.topic, self._tp.partition, expected) != first:
            log.info("%s: a poll began at %d, reading again from %d", self._tp, first, expected)
            return False
        if expected > 0:
            log.warning("%s: the log has no records from %d to %d any more", self._tp, expected, first - 1)
        return True
