"""An outlet: the records that one lane writes into one output partition, in order, without holes."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError, OutOfOrderSequenceNumber, ProducerClosed
from aiokafka.structs import TopicPartition

from streams.errors import FatalError, RetryError

LOG_APPEND_TIME: Final = 1
"""Timestamp type of every topic of ours but the changelog."""


class Record(NamedTuple):
    """One output record."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


Line = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]], Any]
"""Key, value, headers and note of one record of many."""


class Written(NamedTuple):
    """Records of one batch that the broker has acknowledged."""

    offset: int
    """Of the first."""
    timestamp_ms: int
    """Of all of them where the broker stamps them, else -1."""
    lines: list[Line]


def records_of(topic: str, partition: int, written: Written) -> list[ConsumerRecord]:
    """The same records as a consumer gets them."""
    offset, stamped_ms, lines = written
    return [
        ConsumerRecord(
            topic,
            partition,
            offset + i,
            stamped_ms,
            LOG_APPEND_TIME,
            key,
            value,
            None,
            -1 if key is None else len(key),
            -1 if value is None else len(value),
            tuple(headers),
        )
        for i, (key, value, headers, _) in enumerate(lines)
    ]


class _TakenBackError(Exception):
    """What becomes of a batch that was never sent."""


class Outlet:
    """Hands records to the producer in the order of `put` and knows which of them the broker has acknowledged.

    `put` appends to the batch that waits in aiokafka's accumulator for its turn on the wire: no task, no future and no
    waiting per record. Only when that batch is full does a task of the outlet's own wait for room. (aiokafka 0.14's
    `send` does the same with a future and several checks per record; its `send_batch` waits until the batch before has
    left.) After a failed produce nothing more is sent: `failed` holds the error, and the lane starts again from its
    rows.
    """

    def __init__(
        self,
        producer: Callable[[], Any],
        topic: str,
        partition: int,
        on_acknowledged: Callable[[Sequence[Any]], None] = lambda _: None,
        on_failed: Callable[[], None] = lambda: None,
        on_written: Callable[[Written], None] | None = None,
    ) -> None:
        """`on_written` hears of the same as `on_acknowledged`, but not where the broker does not say where it is."""
        self._producer = producer
        self._tp = TopicPartition(topic, partition)
        self._on_acknowledged = on_acknowledged
        self._on_failed = on_failed
        self._on_written = on_written
        self._accumulator: Any = None
        self._batch: Any = None
        self._notes: list[Any] = []
        """Notes of the records in `_batch`."""
        self._lines: list[Line] = []
        """The records themselves, where somebody wants to hear of them."""
        self._sent: set[asyncio.Future[Any]] = set()
        """Batches whose fate is unknown."""
        self._waiting: deque[Line] = deque()
        self._refill: asyncio.Task[None] | None = None
        self._ends: deque[tuple[int, int]] = deque()
        self._appended = 0
        self._progress = asyncio.Event()
        self._closed = False
        self.put_count = 0
        """Records handed over so far; the ticket of the last one."""
        self.acknowledged = 0
        """All records up to this ticket are acknowledged."""
        self.failed: BaseException | None = None

    async def open(self) -> None:
        """Wait until the producer knows the topic. To be called before the first `put`."""
        producer = self._producer()
        await producer.partitions_for(self._tp.topic)
        self._accumulator = producer._message_accumulator

    def put(self, lines: Sequence[Line]) -> None:
        """Append records; their notes come back in `on_acknowledged`, in order. Ignored once failed or closed."""
        self.put_count += len(lines)
        appended = 0 if self._waiting else self._append(lines)
        if appended < len(lines):
            self._waiting.extend(islice(lines, appended, None))
            if self._refill is None or self._refill.done():
                self._refill = asyncio.create_task(self._wait_for_room(), name=f"refill {self._tp}")

    @property
    def unacknowledged(self) -> int:
        """Records that were put and not acknowledged yet."""
        return self.put_count - self.acknowledged

    def end_at(self, ticket: int) -> int | None:
        """Offset behind the newest acknowledged batch that holds nothing put after `ticket`; None if there is none."""
        found = None
        while self._ends and self._ends[0][0] <= ticket:
            found = self._ends.popleft()
        if found is None:
            return None
        self._ends.appendleft(found)
        return found[1]

    async def wait_acknowledged(self, ticket: int) -> None:
        """Wait until everything up to `ticket` is acknowledged.

        Raises:
            RetryError: a produce failed, or the outlet was closed; what was sent last is unknown.
            FatalError: a batch was refused before this one; the producer cannot write to this partition any more.
            Exception: what was raised where nothing of Kafka's was at fault.
        """
        while self.acknowledged < ticket:
            if isinstance(self.failed, OutOfOrderSequenceNumber):
                # aiokafka 0.14 does not take back the sequence numbers of a batch that the broker refused.
                raise FatalError(
                    f"{self._tp.topic}[{self._tp.partition}]: a batch was refused before, and this producer cannot go "
                    "on after that: start the worker again"
                )
            if isinstance(self.failed, KafkaError | asyncio.CancelledError):
                raise RetryError(
                    f"{self._tp.topic}[{self._tp.partition}]: produce failed: {self.failed!r}"
                ) from self.failed
            if self.failed is not None:
                raise self.failed
            if self._closed:
                raise RetryError(f"{self._tp.topic}[{self._tp.partition}]: the outlet is closed")
            self._progress.clear()
            await self._progress.wait()

    def abandon(self) -> None:
        """Hand nothing more to the broker: take back what waits for its turn, so that only what is on the wire, or was
        and has no answer yet, may still be written."""
        self._closed = True
        self._waiting.clear()
        self._take_back(_TakenBackError())
        self._progress.set()

    async def close(self) -> None:
        """Send nothing more and wait until the fate of everything already handed to the broker is known: no later
        outlet of this partition may read what exists before that."""
        self.abandon()
        if self._refill is not None:
            self._refill.cancel()
            await asyncio.wait([self._refill])
        if self._sent:
            await asyncio.wait(self._sent)

    def _append(self, lines: Collection[Line]) -> int:
        """Add to the batch that waits for its turn; says how many had room. Drops them all once failed."""
        if self.failed is not None or self._closed:
            return len(lines)
        accumulator = self._accumulator
        if accumulator._exception is not None or accumulator._closed:
            self._fail(accumulator._exception or ProducerClosed())
            return len(lines)
        pending = accumulator._batches.get(self._tp)
        batch = pending[-1] if pending else accumulator._append_batch(accumulator.create_builder(), self._tp)
        # The builder, not the batch: that would make a future for every record.
        append = batch._builder.append
        appended = 0
        for key, value, headers, note in lines:
            if append(timestamp=None, key=key, value=value, headers=[*headers]) is None:
                break
            if batch is not self._batch:
                self._watch(batch)
            self._notes.append(note)
            appended += 1
        self._appended += appended
        if self._on_written is not None:
            self._lines.extend(islice(lines, appended))
        return appended

    def _watch(self, batch: Any) -> None:
        notes: list[Any] = []
        lines: list[Line] = []
        self._batch, self._notes, self._lines = batch, notes, lines
        before = self._appended

        def on_done(sent: "asyncio.Future[Any]") -> None:
            self._sent.discard(sent)
            if self._batch is batch:
                self._batch = None
            if sent.cancelled():
                self._fail(asyncio.CancelledError())
            elif (error := sent.exception()) is not None:
                if not isinstance(error, _TakenBackError):
                    self._fail(error)
            elif self.failed is None:
                self.acknowledged += len(notes)
                offset, stamped_ms = sent.result().offset, sent.result().timestamp
                if offset >= 0:  # -1: the broker knew these records already and does not say where they are
                    self._ends.append((before + len(notes), offset + len(notes)))
                try:
                    self._on_acknowledged(notes)
                    if self._on_written is not None and offset >= 0:
                        self._on_written(Written(offset, -1 if stamped_ms is None else stamped_ms, lines))
                except Exception as raised:  # noqa: BLE001 - raised again by `wait_acknowledged`
                    self._fail(raised)
                self._progress.set()

        self._sent.add(batch.future)
        batch.future.add_done_callback(on_done)

    async def _wait_for_room(self) -> None:
        try:
            while self._waiting:
                pending = self._accumulator._batches.get(self._tp)
                if pending:
                    if not self._accumulator._waiter_future.done():
                        self._accumulator._waiter_future.set_result(None)  # wake the sender, as aiokafka does
                    await pending[-1].wait_drain()
                # The first record of a batch always fits: a larger one than the broker takes fails there.
                for _ in range(self._append(self._waiting)):
                    self._waiting.popleft()
        except Exception as error:  # noqa: BLE001 - raised again by `wait_acknowledged`
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self.failed is None:
            self.failed = error
            self._waiting.clear()
            # What waits for its turn must not follow what failed.
            self._take_back(error)
            if not self._closed:
                self._on_failed()
        self._progress.set()

    def _take_back(self, error: BaseException) -> None:
        """Take our batches out of the queue that have not left it. One that left and came back for another attempt has
        its sequence number and may have been written: it must be sent until the broker says so."""
        if self._accumulator is None:
            return
        batches = self._accumulator._batches
        for batch in [b for b in batches.get(self._tp, ()) if b.retry_count == 0 and b.future in self._sent]:
            batches[self._tp].remove(batch)
            batch.failure(error)
            batch._drain_waiter.exception()  # seen, or asyncio complains that nobody waited for its turn
        if self._tp in batches and not batches[self._tp]:
            del batches[self._tp]
