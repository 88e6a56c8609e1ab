"""A lane: one input partition in one generation of the group, and the order in which its work becomes durable.

    poll ─> job.process (decode, fold, encode) ─> outlets ──acknowledged──> done
                     └─ checkpoint: outputs acknowledged, rows to the changelog, commit, rows to RocksDB

A lane is made at an assignment, and anew after a failure, and dropped at revocation; nothing of it is used again. Its
tasks hold the lane, never globals, so what is left of an old generation cannot touch the new one.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiokafka import ConsumerRecord
from faust.types import TP

from agents.beginning import BROKER_TIMEOUT_S, find_beginning
from agents.heartbeat import SuspectError
from agents.inbox import Inbox
from agents.job import Broker, Job, Rows
from agents.outputs import Outputs
from agents.quarantine import NO_POISON, Quarantine
from agents.settling import Settling
from streams.errors import RetryError
from streams.kafka.batching import Batch
from streams.kafka.checkpoint import Checkpoint, Origin
from streams.kafka.outlet import Record, Written
from streams.kafka.tail import TailReader

log = logging.getLogger(__name__)

MAX_CHUNK = 250
"""Records processed in one go: some 3 ms of the loop, which others wait for, and what the processor's cache holds."""
IDLE_S = 1.0
"""Where every batch has its checkpoint: how often a job without any is told that all is stored."""


class Lane:
    """One partition's work; see the module's docstring."""

    def __init__(
        self,
        tp: TP,
        job: Job,
        broker: Broker,
        producer: Callable[[], Any],
        tails: TailReader,
        *,
        checkpoint_s: float,
        suspect: Callable[[], bool] = lambda: False,
        quarantine: Quarantine | None = None,
        origin: Origin | None = None,
        on_written: Mapping[str, Callable[[Written], None]] | None = None,
    ) -> None:
        """`on_written`: stream -> who hears of what this lane has written and the broker acknowledged."""
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
        self.quarantine = quarantine or Quarantine(tp)
        self.settling = Settling(job)
        self._broker = broker
        self._tails = tails
        self._checkpoint_s = checkpoint_s
        self._suspect = suspect
        self._origin = origin or Origin()
        self._idle = False
        self._failure: BaseException | None = None
        self._dropping: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._checkpointing = asyncio.Lock()
        self._inbox = Inbox(tp, broker, tails)
        self._outputs = Outputs(
            producer, tp.partition, on_acknowledged=job.acknowledged, on_failed=self._wake.set, on_written=on_written
        )

    async def offer(self, batch: Batch) -> None:
        """Process a poll, at once where nothing is in its way, else after what is queued; waits while that is much."""
        if not (self.dropped or self._suspect()):  # what a dropped lane is offered, the next one reads again
            self._take(batch)
            await self._inbox.room()

    def tell(self, records: list[ConsumerRecord]) -> bool:
        """Take records that are known to stand in the log without having been polled, if they are next; says whether
        they were. Else they will be polled."""
        if self.dropped or self.processed is None or self._suspect():
            return False
        batch = self._inbox.following(records)
        if batch is None:
            self._broker.untold(self.tp)
            return False
        self._take(batch)
        self._broker.told(self.tp, records[-1].offset + 1)
        return True

    def emit(self, stream: str, source: int, record: Record, note: Any = None, part: str | None = None) -> bool:
        """Send one output of the record at offset `source` when its batch is processed, unless it exists already."""
        return self._outputs.emit(stream, source, record, note, part)

    async def run(self) -> None:
        """Open, then process what is offered until cancelled.

        Raises:
            RetryError: the broker refused or lost something; the lane must be made anew.
            BatchFailedError: records raised; the lane must be made anew.
            FatalError: what cannot go on.
        """
        await self._open()
        checkpoints = asyncio.create_task(self._checkpoints(), name=f"checkpoints of {self.tp}")
        try:
            while True:
                self._idle = not self._inbox
                await self._wake.wait()
                self._idle = False
                self._wake.clear()
                if self._failure is not None:
                    raise self._failure
                await self._outputs.room()
                if checkpoints.done():
                    checkpoints.result()
                await self._work(await self._inbox.take())
        finally:
            # Before any last checkpoint: after an error half way through a batch the rows are ahead of the outputs.
            self.dropped = True
            self._idle = False
            self._inbox.close()
            checkpoints.cancel()

    async def _work(self, records: Sequence[ConsumerRecord]) -> None:
        careful = False
        for chunk in self.quarantine.cut(records, MAX_CHUNK):
            if self.dropped:
                return
            if not careful and self.quarantine.suspects(chunk[0]):
                careful = True  # what comes now may raise: what came before shall not have to be repeated each time
                await self.checkpoint()
            if (detail := self.quarantine.error_of(chunk[0])) is not None:
                self._reject(chunk[0], detail)
                await self.checkpoint()
            else:
                self._process(chunk)
            if self._checkpoint_s == 0:
                await self.checkpoint()
            await asyncio.sleep(0)  # one turn of the loop for the outlets and the other lanes

    def _take(self, batch: Batch) -> None:
        if not self._process_now(batch):
            self._inbox.put(batch)
            self._wake.set()

    def _process_now(self, batch: Batch) -> bool:
        """Process without a task switch, which costs more than the few ticks of a poll at ordinary rates."""
        if not self._idle or self._wake.is_set() or self._checkpoint_s == 0 or len(batch.records) > MAX_CHUNK:
            return False
        if self._outputs.congested or self.quarantine.active:
            return False
        records = self._inbox.take_now(batch)
        if records is None:
            return False
        if records:
            try:
                self._process(records)
            except Exception as error:  # noqa: BLE001 - raised in `run`, which owns this lane
                self._fail(error)
        return True

    def _process(self, records: Sequence[ConsumerRecord]) -> None:
        if self._suspect():
            raise SuspectError.of(self.tp)
        try:
            self.job.process(self, records)
        except NO_POISON:
            raise
        except Exception as error:
            raise self.quarantine.failed(records, error) from error
        self._outputs.flush()
        self.processed = records[-1].offset + 1

    def _reject(self, record: ConsumerRecord, detail: str) -> None:
        if self._suspect():
            raise SuspectError.of(self.tp)
        self.job.reject(self, record, detail)
        self._outputs.flush()
        self.processed = record.offset + 1

    async def checkpoint(self) -> None:
        """Make everything processed so far durable, in this order: outputs acknowledged, Redis flushed if it is there,
        rows in the changelog, commit, rows in the local store. A crash in between repeats work and loses none.

        Raises:
            RetryError: an output could not be produced.
            aiokafka.errors.CommitFailedError: the partition is another worker's by now; nothing was stored locally.
        """
        async with self._checkpointing:
            if self.dropped or self.processed is None:
                return
            try:
                if self.processed != self.committed:
                    await self._checkpoint(self.processed)
                self.job.stored()
            except BaseException:
                # The rows of this one are not in the next snapshot: a checkpoint after it would commit without them.
                self.dropped = True
                raise

    async def _checkpoint(self, offset: int) -> None:
        self._check_trusted()
        # No await among these: the snapshot is that of a whole batch.
        seen, rows = self.job.seen(), self.job.rows()
        tickets = self._outputs.tickets()
        await self._outputs.wait_acknowledged(tickets, offset)
        await self.settling.wait(self._outputs.ends)
        if rows is not None:
            self._check_trusted()
            await rows.to_changelog()
            self.unsettled = (offset, rows)
        await self._commit(offset, Checkpoint(dict(self._outputs.ends), seen, *self._origin))
        self._check_trusted()
        if rows is not None:
            rows.to_store()
        self.unsettled = None
        self.committed = offset
        self.quarantine.settle(offset)

    def abandon(self) -> None:
        """Do nothing more, at once: the process is suspect."""
        self._fail(SuspectError.of(self.tp))
        self._outputs.abandon()
        self._drop()

    async def drop(self) -> None:
        """Do nothing more, and wait until it is known of everything sent whether it was written."""
        self.dropped = True
        # Whoever waits for it may be given a deadline; the closing goes on all the same.
        await asyncio.shield(self._drop())

    def _drop(self) -> "asyncio.Task[None]":
        self._inbox.close()
        if self._dropping is None:
            self._dropping = asyncio.create_task(self._close(), name=f"closing {self.tp}")
        return self._dropping

    async def _close(self) -> None:
        await asyncio.gather(self.job.close(), self._outputs.close())

    async def _open(self) -> None:
        committed, checkpoint = await find_beginning(self._broker, self._tails, self.tp, self._origin)
        await self._outputs.open(self.job.streams, committed, checkpoint.ends if checkpoint else {}, self._tails)
        self.quarantine.know(self._outputs.poisoned)
        self.quarantine.settle(committed)
        self._check_trusted()
        if self.unsettled is not None and self.unsettled[0] == committed:
            # The lane before did commit, and nobody recovers the table now. (A later commit would be another worker's.)
            self.unsettled[1].to_store()
        self.unsettled = None
        self.job.open(self.tp.partition, checkpoint)
        self.committed = self.processed = committed
        log.info("%s: from offset %d, tails %s", self.tp, committed, self._outputs.existing)
        await self._inbox.open(committed)

    async def _commit(self, offset: int, checkpoint: Checkpoint) -> None:
        while True:
            self._check_trusted()
            try:
                await self._broker.commit_with_metadata({self.tp: (offset, checkpoint.encode())}, BROKER_TIMEOUT_S)
            except TimeoutError:
                # Whether it was committed is unknown; the same commit again does no harm.
                log.warning("%s: no answer to the commit of offset %d, trying again", self.tp, offset)
            else:
                return

    async def _checkpoints(self) -> None:
        while not self.dropped:
            await asyncio.sleep(self._checkpoint_s or IDLE_S)
            try:
                await self.checkpoint()
            except BaseException:
                self._wake.set()  # so that `run` sees this task's end
                raise

    def _fail(self, error: BaseException) -> None:
        # At once: until `run` sees it somebody may ask for a checkpoint, and the rows are ahead of the outputs.
        if not self.dropped:
            self.dropped = True
            self._failure = error
        self._wake.set()

    def _check_trusted(self) -> None:
        """Before every step of a checkpoint that writes."""
        if self._suspect():
            raise SuspectError.of(self.tp)
        if self.dropped:
            raise self._failure or RetryError(f"{self.tp}: dropped while a checkpoint was being written")
