"""A lane: one input partition in one generation of the group, and the order in which its work becomes durable.

    poll ─> job.process (decode, fold, encode) ─> outlets ──acknowledged──> done
                     └─ checkpoint: outputs acknowledged, rows to the changelog, commit, rows to RocksDB

A lane is made at an assignment, and anew after a failure, and dropped at revocation; nothing of it is used again. Its
tasks hold the lane, never globals, so what is left of an old generation cannot touch the new one.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
from aiokafka import ConsumerRecord
from faust.types import TP

from agents.job import Broker, Job, Rows
from streams.errors import RetryError, StateError
from streams.kafka.batching import Batch
from streams.kafka.contiguity import Contiguity
from streams.kafka.outlet import Outlet, Record
from streams.kafka.tail import Checkpoint, Tail, TailReader
from streams.records import PREVIOUS, SOURCE

log = logging.getLogger(__name__)

MAX_WAITING = 20_000
"""Input records that wait in a lane before the agent stops taking more; Faust then pauses the partitions."""
MAX_UNACKNOWLEDGED = 20_000
"""Output records of one stream that may be on their way to the broker."""
MAX_CHUNK = 1_000
"""Records processed in one go: about 10 ms of the loop, which other partitions wait for."""
BROKER_TIMEOUT_S = 15.0
"""Deadline of one question to the broker."""


class Lane:
    """One partition's work; see the module's docstring."""

    def __init__(
        self, tp: TP, job: Job, broker: Broker, producer: Callable[[], Any], tails: TailReader, *, checkpoint_s: float
    ) -> None:
        self.tp = tp
        self.job = job
        self.dropped = False
        """Given up, or failed: nothing is taken, committed or stored any more."""
        self.unsettled: tuple[int, Rows] | None = None
        """Offset and rows of a commit whose outcome is unknown; the lane that takes this one's place finds out."""
        self.processed: int | None = None
        """Offset behind the last processed record; None until the lane is open."""
        self.committed: int | None = None
        """Source offset of the last checkpoint."""
        self._broker = broker
        self._producer = producer
        self._tails = tails
        self._checkpoint_s = checkpoint_s
        self._waiting: deque[Batch] = deque()
        self._waiting_records = 0
        self._contiguity: Contiguity | None = None
        self._idle = False
        self._failure: BaseException | None = None
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._checkpointing = asyncio.Lock()
        self._outlets: dict[str, Outlet] = {}
        self._tail: dict[str, Tail] = {}
        self._ends: dict[str, int] = {}
        self._newest: dict[str, int] = {}
        """Newest source offset whose output existed when the lane was opened; -1 for none."""

    async def offer(self, batch: Batch) -> None:
        """Process a poll, at once where nothing is in its way, else after what is queued; waits while that is much."""
        if self.dropped or self._process_now(batch):
            return  # what a dropped lane is offered, the next one reads again
        self._waiting.append(batch)
        self._waiting_records += len(batch.records)
        self._wake.set()
        while self._waiting_records > MAX_WAITING and not self.dropped:
            self._room.clear()
            await self._room.wait()

    def emit(self, stream: str, source: int, record: Record, note: Any = None) -> bool:
        """Send one output of the record at offset `source`, unless it exists already; says whether it was sent."""
        tail = self._tail[stream]
        if tail.has(source):
            return False
        headers = [(SOURCE, b"%d" % source), (PREVIOUS, b"%d" % tail.last), *record.headers]
        self._outlets[stream].put(Record(record.key, record.value, headers), note)
        tail.last = source
        return True

    async def run(self) -> None:
        """Open, then process what is offered until cancelled.

        Raises:
            RetryError: the broker refused or lost something; the lane must be made anew.
        """
        contiguity = self._contiguity = await self._open()
        checkpoints = asyncio.create_task(self._checkpoints(), name=f"checkpoints of {self.tp}")
        try:
            while True:
                self._idle = not self._waiting
                await self._wake.wait()
                self._idle = False
                self._wake.clear()
                if self._failure is not None:
                    raise self._failure
                await self._room_to_send()
                if checkpoints.done():
                    checkpoints.result()
                records = await self._next_records(contiguity)
                for start in range(0, len(records), MAX_CHUNK):
                    chunk = records[start : start + MAX_CHUNK]
                    self.job.process(self, chunk)
                    self.processed = chunk[-1].offset + 1
                    if self._checkpoint_s == 0:
                        await self.checkpoint()
                    # One turn of the loop for the outlets and the other lanes.
                    await asyncio.sleep(0)
        finally:
            # Before any last checkpoint: after an error half way through a batch the rows are ahead of the outputs.
            self.dropped = True
            self._idle = False
            self._room.set()
            checkpoints.cancel()

    def _process_now(self, batch: Batch) -> bool:
        """Process without a task switch, which costs more than the few ticks of a poll at ordinary rates."""
        if not self._idle or self._wake.is_set() or self._checkpoint_s == 0 or len(batch.records) > MAX_CHUNK:
            return False
        assert self._contiguity is not None, "idle lanes are open"
        if any(outlet.failed or outlet.unacknowledged > MAX_UNACKNOWLEDGED for outlet in self._outlets.values()):
            return False
        records, gap = self._contiguity.take(batch)
        if gap is not None:
            return False
        if records:
            try:
                self.job.process(self, records)
            except Exception as error:  # noqa: BLE001 - raised in `run`, which owns this lane
                self._failure = error
                self._wake.set()
            else:
                self.processed = records[-1].offset + 1
        return True

    async def checkpoint(self) -> None:
        """Make everything processed so far durable, in this order: outputs acknowledged, Redis flushed if it is there,
        rows in the changelog, commit, rows in the local store. A crash in between repeats work and loses none.

        Raises:
            RetryError: an output could not be produced.
            aiokafka.errors.CommitFailedError: the partition is another worker's by now; nothing was stored locally.
        """
        async with self._checkpointing:
            if self.dropped or self.processed is None or self.processed == self.committed:
                return
            try:
                await self._checkpoint(self.processed)
            except BaseException:
                # The rows of this one are not in the next snapshot: a checkpoint after it would commit without them.
                self.dropped = True
                raise

    async def _checkpoint(self, offset: int) -> None:
        # No await among these: the snapshot is that of a whole batch.
        seen, rows = self.job.seen(), self.job.rows()
        tickets = {stream: outlet.put_count for stream, outlet in self._outlets.items()}
        for stream, outlet in self._outlets.items():
            await outlet.wait_acknowledged(tickets[stream])
            end = outlet.end_at(tickets[stream])
            # While a replay has not caught up, outputs that it skipped stand before those it wrote.
            if end is not None and offset > self._newest[stream]:
                self._ends[stream] = end
        await self.job.settle()
        if rows is not None:
            await rows.to_changelog()
            self.unsettled = (offset, rows)
        await self._commit(offset, Checkpoint(ends=dict(self._ends), seen=seen))
        self._check_not_dropped()
        if rows is not None:
            rows.to_store()
        self.unsettled = None
        self.committed = offset

    async def drop(self) -> None:
        """Do nothing more, and wait until it is known of everything sent whether it was written."""
        self.dropped = True
        self._room.set()
        await asyncio.gather(self.job.close(), *(outlet.close() for outlet in self._outlets.values()))

    async def _open(self) -> Contiguity:
        found = await self._broker.committed_with_metadata(self.tp, BROKER_TIMEOUT_S)
        end = await self._tails.end(self.tp.topic, self.tp.partition)
        committed, checkpoint = 0, None
        if found is not None:
            committed, metadata = found
            checkpoint = msgspec.json.decode(metadata, type=Checkpoint) if metadata else None
            if committed > end:
                raise StateError(
                    f"{self.tp.topic}[{self.tp.partition}] ends at {end}, but offset {committed} was committed: the "
                    "topic was made anew; start with a new HAYATE_APP_ID and an empty HAYATE_DATA_DIR"
                )
        for stream in self.job.streams:
            since = checkpoint.ends.get(stream) if checkpoint else None
            tail = await self._tails.read(stream, self.tp.partition, committed, since)
            self._tail[stream] = tail
            self._newest[stream] = max(tail.existing, default=tail.floor - 1)
            if since is not None:
                self._ends[stream] = since
            elif self._newest[stream] < committed:
                self._ends[stream] = tail.end
            outlet = self._outlets[stream] = Outlet(
                self._producer,
                stream,
                self.tp.partition,
                on_acknowledged=lambda notes, stream=stream: self.job.acknowledged(stream, notes),  # type: ignore[misc]
                on_failed=self._wake.set,
            )
            await outlet.open()
        if self.unsettled is not None and self.unsettled[0] <= committed:
            # The lane before this one did commit: nobody recovers the table when a lane is made anew in one process.
            self.unsettled[1].to_store()
        self.unsettled = None
        self.job.open(self.tp.partition, checkpoint)
        self.committed = self.processed = committed
        log.info(
            "%s: from offset %d, tails %s", self.tp, committed, {s: len(t.existing) for s, t in self._tail.items()}
        )
        contiguity = Contiguity(committed)
        # Where Faust's consumer stands now is unknown: after a failure it is ahead, at a start its seek may be racing
        # with its polls. One seek of our own settles it.
        contiguity.reread(await self._broker.reread(self.tp, committed))
        return contiguity

    async def _commit(self, offset: int, checkpoint: Checkpoint) -> None:
        metadata = msgspec.json.encode(checkpoint).decode()
        while True:
            self._check_not_dropped()
            try:
                await self._broker.commit_with_metadata({self.tp: (offset, metadata)}, BROKER_TIMEOUT_S)
            except TimeoutError:
                # Whether it was committed is unknown; the same commit again does no harm.
                log.warning("%s: no answer to the commit of offset %d, trying again", self.tp, offset)
            else:
                return

    async def _checkpoints(self) -> None:
        while self._checkpoint_s > 0 and not self.dropped:
            await asyncio.sleep(self._checkpoint_s)
            try:
                await self.checkpoint()
            except BaseException:
                self._wake.set()  # so that `run` sees this task's end
                raise

    async def _room_to_send(self) -> None:
        for outlet in self._outlets.values():
            if outlet.failed is not None:
                await outlet.wait_acknowledged(outlet.put_count)  # raises
            elif outlet.unacknowledged > MAX_UNACKNOWLEDGED:
                await outlet.wait_acknowledged(outlet.put_count - MAX_UNACKNOWLEDGED // 2)

    async def _next_records(self, contiguity: Contiguity) -> list[ConsumerRecord]:
        """All that is queued and continues where the last batch ended."""
        taken: list[ConsumerRecord] = []
        while self._waiting:
            batch = self._waiting.popleft()
            self._waiting_records -= len(batch.records)
            self._room.set()
            records, gap = contiguity.take(batch)
            if gap is not None and not await self._gap_is_real(contiguity, gap):
                contiguity.reread(await self._broker.reread(self.tp, contiguity.expected))
                continue
            if gap is not None:
                contiguity.accept_gap(gap)
                records, _ = contiguity.take(batch)
            taken += records
        return taken

    async def _gap_is_real(self, contiguity: Contiguity, first: int) -> bool:
        expected = contiguity.expected
        if await self._tails.first_offset(self.tp.topic, self.tp.partition, expected) != first:
            log.info("%s: a poll began at %d, reading again from %d", self.tp, first, expected)
            return False
        if expected > 0:
            log.warning("%s: the log has no records from %d to %d any more", self.tp, expected, first - 1)
        return True

    def _check_not_dropped(self) -> None:
        if self.dropped:
            raise RetryError(f"{self.tp}: dropped while a checkpoint was being written")
