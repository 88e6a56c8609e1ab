"""An outlet: the records that one lane writes into one output partition, in order, without holes."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from streams.errors import RetryError

FEW = 24
"""Up to this many records go one by one through aiokafka's accumulator, which adds them to the batch that waits there;
more are built into batches of our own, at a sixth of the cost per record."""


class Record(NamedTuple):
    """One output record."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class Outlet:
    """Hands records to the producer in the order of `put` and knows which of them the broker has acknowledged.

    `put` never waits; a task of its own waits for room in the producer. After a failed produce nothing more is sent:
    `failed` holds the error, and the lane starts again from its rows.
    """

    def __init__(
        self,
        producer: Callable[[], Any],
        topic: str,
        partition: int,
        on_acknowledged: Callable[[Sequence[Any]], None] = lambda _: None,
        on_failed: Callable[[], None] = lambda: None,
    ) -> None:
        self._producer = producer
        self._tp = TopicPartition(topic, partition)
        self._on_acknowledged = on_acknowledged
        self._on_failed = on_failed
        self._waiting: deque[tuple[Record, Any]] = deque()
        self._unacknowledged: set[asyncio.Future[None]] = set()
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.put_count = 0
        """Records handed over so far; the ticket of the last one."""
        self.acknowledged = 0
        """All records up to this ticket are acknowledged."""
        self.end_offset: int | None = None
        """Offset behind the last acknowledged batch, None before the first."""
        self._ends: deque[tuple[int, int]] = deque()
        self.failed: BaseException | None = None

    def put(self, record: Record, note: Any = None) -> None:
        """Append one record; `note` comes back in `on_acknowledged`, in order."""
        self._waiting.append((record, note))
        self.put_count += 1
        if not self._wake.is_set():
            self._wake.set()
            if self._task is None:
                self._task = asyncio.create_task(self._send(), name=f"outlet {self._tp.topic}[{self._tp.partition}]")

    @property
    def unacknowledged(self) -> int:
        """Records that were put and not acknowledged yet."""
        return self.put_count - self.acknowledged

    def end_at(self, ticket: int) -> int | None:
        """Offset behind the newest acknowledged batch that holds nothing put after `ticket`; None if there is none."""
        found = None
        while self._ends and self._ends[0][0] <= ticket:
            found = self._ends.popleft()[1]
        if found is not None:
            self._ends.appendleft((ticket, found))
        return found

    async def wait_acknowledged(self, ticket: int) -> None:
        """Wait until everything up to `ticket` is acknowledged.

        Raises:
            RetryError: a produce failed, or the outlet was closed; what was sent last is unknown.
        """
        while self.acknowledged < ticket:
            if self.failed is not None:
                raise RetryError(f"{self._tp.topic}[{self._tp.partition}]: produce failed: {self.failed!r}")
            if self._closed:
                raise RetryError(f"{self._tp.topic}[{self._tp.partition}]: the outlet is closed")
            self._progress.clear()
            await self._progress.wait()

    async def close(self) -> None:
        """Send nothing more and wait until the fate of everything already handed to the producer is known."""
        self._closed = True
        self._progress.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        while self._unacknowledged:
            await asyncio.wait(set(self._unacknowledged))

    async def _send(self) -> None:
        try:
            while True:
                await self._wake.wait()
                if len(self._waiting) <= FEW:
                    await self._send_singly()
                else:
                    await self._send_batch()
                if not self._waiting:
                    self._wake.clear()
        except KafkaError as error:
            self._fail(error)

    async def _send_singly(self) -> None:
        producer = self._producer()
        notes = []
        sent: list[asyncio.Future[Any]] = []
        try:
            while self._waiting:
                record, note = self._waiting[0]
                sent.append(
                    await producer.send(
                        self._tp.topic,
                        record.value,
                        key=record.key,
                        partition=self._tp.partition,
                        headers=record.headers,
                    )
                )
                self._waiting.popleft()
                notes.append(note)
        finally:
            # Also when `close` cancels us here: what the producer holds must be known to be written, or not.
            if sent:
                self._track(asyncio.ensure_future(_last(sent)), notes, per_record=True)

    async def _send_batch(self) -> None:
        producer = self._producer()
        builder = producer.create_batch()
        notes = []
        while self._waiting:
            record, note = self._waiting[0]
            if builder.append(timestamp=None, key=record.key, value=record.value, headers=record.headers) is None:
                break
            self._waiting.popleft()
            notes.append(note)
        builder.close()  # an open one would linger and take others' records
        if not notes:
            # One record larger than a batch: aiokafka's own path raises the error that says so.
            await self._send_singly()
            return
        sent = await producer.send_batch(builder, self._tp.topic, partition=self._tp.partition)
        self._track(sent, notes, per_record=False)

    def _track(self, sent: "asyncio.Future[Any]", notes: list[Any], *, per_record: bool) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unacknowledged.add(done)
        last = self.put_count - len(self._waiting)

        def on_done(future: "asyncio.Future[Any]") -> None:
            self._unacknowledged.discard(done)
            done.set_result(None)
            if future.cancelled():
                self._fail(asyncio.CancelledError())
            elif (error := future.exception()) is not None:
                self._fail(error)
            elif self.failed is None:
                self.acknowledged += len(notes)
                offset = future.result().offset
                if offset >= 0:  # -1: the broker knew these records already and does not say where they are
                    self.end_offset = offset + (1 if per_record else len(notes))
                    self._ends.append((last, self.end_offset))
                self._on_acknowledged(notes)
                self._progress.set()

        sent.add_done_callback(on_done)

    def _fail(self, error: BaseException) -> None:
        if self.failed is None:
            self.failed = error
            if not self._closed:
                self._on_failed()
        self._progress.set()


async def _last(sent: "list[asyncio.Future[Any]]") -> Any:
    """Wait for all; the metadata of the last (the records may straddle two batches of the accumulator)."""
    await asyncio.wait(sent)
    return [future.result() for future in sent][-1]
