"""A Kafka in memory: logs, a group's commits, and clients of one process that can be slow, fail, or die."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import ConsumerRecord
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.producer.message_accumulator import MessageAccumulator
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition
from faust.types import TP

from streams.kafka.batching import Batch

Headers = Sequence[tuple[str, bytes]]
Value = tuple[bytes | None, bytes | None, Headers]
"""Key, value, headers."""


def record(topic: str, partition: int, offset: int, value: Value) -> ConsumerRecord:
    """A record as aiokafka gives it."""
    key, body, headers = value
    return ConsumerRecord(topic, partition, offset, 0, 0, key, body, None, 0, 0, tuple(headers))


@dataclass
class FakeKafka:
    """What survives every process: logs and commits."""

    logs: dict[TopicPartition, list[ConsumerRecord]] = field(default_factory=lambda: defaultdict(list))
    begin: dict[TopicPartition, int] = field(default_factory=lambda: defaultdict(int))
    """Offsets that retention has taken everything below of."""
    committed: dict[TP, tuple[int, str]] = field(default_factory=dict)
    generation: int = 1

    def append(self, topic: str, partition: int, *values: Value) -> int:
        """Write records; the first one's offset."""
        log = self.logs[TopicPartition(topic, partition)]
        first = len(log)
        log.extend(record(topic, partition, first + place, value) for place, value in enumerate(values))
        return first

    def log(self, topic: str, partition: int = 0) -> list[ConsumerRecord]:
        """All records ever written to a partition."""
        return self.logs[TopicPartition(topic, partition)]


class FakeProducer:
    """aiokafka's own accumulator, and in place of its sender one that delivers, fails or dies when told to.

    Idempotent: order is kept in a partition, and where one request fails so does what is queued behind it.
    """

    BATCH_BYTES = 600
    """So small that a burst fills it, and outlets wait for room."""

    def __init__(self, kafka: FakeKafka, *, latency_s: Callable[[], float] = lambda: 0.0) -> None:
        self._message_accumulator = MessageAccumulator(None, self.BATCH_BYTES, 0, float("inf"))
        self.failing: dict[str, BaseException] = {}
        """Topic -> what becomes of the next request to it; taken out when it happened."""
        self.held: set[str] = set()
        """Topics whose requests stay on the wire."""
        self._kafka = kafka
        self._latency_s = latency_s
        self._on_wire: dict[TopicPartition, Any] = {}
        self._due: set[TopicPartition] = set()
        self._dead = False
        self._task = asyncio.create_task(self._send(), name="sender")

    async def partitions_for(self, topic: str) -> set[int]:  # noqa: ARG002 - aiokafka's signature
        """The topic's partitions, which take a question to the broker."""
        await asyncio.sleep(self._latency_s())
        return {0}

    def release(self, topic: str) -> None:
        """Let held requests arrive."""
        self.held.discard(topic)
        for tp in [tp for tp in self._due if tp.topic == topic]:
            self._arrive(tp)

    def waits(self, topic: str) -> bool:
        """Whether a request to `topic` is on the wire."""
        return any(tp.topic == topic for tp in self._on_wire)

    def kill(self, written: int) -> None:
        """The process dies: `written` requests of each partition reach the broker, the rest never will."""
        self._dead = True
        queues = {tp: [batch] for tp, batch in self._on_wire.items()}
        for tp, queue in self._message_accumulator._batches.items():
            queues.setdefault(tp, []).extend(queue)
        for tp, queue in queues.items():
            for batch in queue[:written]:
                self._kafka.append(*tp, *_values(batch))

    async def stop(self) -> None:
        """The sender ends."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _send(self) -> None:
        accumulator = self._message_accumulator
        loop = asyncio.get_running_loop()
        while True:
            await accumulator.waiter()
            accumulator._waiter_future = loop.create_future()
            self._take()

    def _take(self) -> None:
        for tp in list(self._message_accumulator._batches):
            if tp not in self._on_wire and not self._dead:
                batch = self._on_wire[tp] = self._message_accumulator._pop_batch(tp)
                batch.get_data_buffer()
                asyncio.get_running_loop().call_later(self._latency_s(), self._arrive, tp)

    def _arrive(self, tp: TopicPartition) -> None:
        if self._dead:
            return
        if tp.topic in self.held:
            self._due.add(tp)
            return
        self._due.discard(tp)
        batch = self._on_wire.pop(tp)
        error = self.failing.pop(tp.topic, None)
        if error is None:
            batch.done(self._kafka.append(*tp, *_values(batch)))
        else:
            batch.failure(error)
            while tp in self._message_accumulator._batches:
                self._message_accumulator._pop_batch(tp).failure(error)
        self._take()


def _values(batch: Any) -> list[Value]:
    records = MemoryRecords(bytes(batch.get_data_buffer())).next_batch()
    return [(record.key, record.value, record.headers) for record in records]


class FakeLog:
    """What tails are read from (streams.kafka.tail.Log)."""

    def __init__(self, kafka: FakeKafka) -> None:
        self._kafka = kafka
        self.leaderless: set[str] = set()
        """Topics about which nobody answers."""

    async def start(self) -> None:
        """Nothing to connect."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def bounds(self, tp: TopicPartition) -> tuple[int, int]:
        """Offset of the first record that is left, and the one behind the last."""
        await self._answer(tp)
        return self._kafka.begin[tp], len(self._kafka.logs[tp])

    async def fetch(self, tp: TopicPartition, offset: int) -> tuple[list[ConsumerRecord], int]:
        """Some records, and where to go on."""
        await self._answer(tp)
        start = max(offset, self._kafka.begin[tp])
        records = self._kafka.logs[tp][start : start + 500]
        return records, start + len(records)

    async def _answer(self, tp: TopicPartition) -> None:
        await asyncio.sleep(0)
        if tp.topic in self.leaderless:
            await asyncio.Event().wait()


class FakeBroker:
    """One member of the group (agents.job.Broker), and what it polls."""

    def __init__(self, kafka: FakeKafka, *, latency_s: Callable[[], float] = lambda: 0.0) -> None:
        self.kafka = kafka
        self.generation = kafka.generation
        self.assigned: set[TP] = set()
        self.position: dict[TP, int] = {}
        self.epochs: dict[TP, int] = defaultdict(int)
        self.seldom: set[TP] = set()
        """What a consumer would fetch seldom."""
        self.commit_errors: deque[tuple[BaseException, bool]] = deque()
        """What the next commits end with, and whether the broker has them all the same."""
        self.commits: list[int] = []
        self.commit_gate = asyncio.Event()
        """Cleared, it holds commits on their way."""
        self.commit_gate.set()
        self._latency_s = latency_s
        self._connection = asyncio.Lock()
        self.dead = False

    async def reread(self, tp: TP, offset: int) -> int:
        """As Consumer.reread."""
        await self._answer()
        if tp not in self.assigned:
            raise IllegalStateError(f"No current assignment for partition {tp}")
        self.seldom.discard(tp)
        self.position[tp] = offset
        self.epochs[tp] += 1
        return self.epochs[tp]

    def told(self, tp: TP, end: int) -> None:
        """As Consumer.told."""
        self.position[tp] = max(self.position.get(tp, 0), end)
        self.seldom.add(tp)

    def untold(self, tp: TP) -> None:
        """As Consumer.untold."""
        self.seldom.discard(tp)

    async def commit_with_metadata(self, offsets: Mapping[TP, tuple[int, str]], timeout_s: float) -> None:
        """As Consumer.commit_with_metadata."""
        assert timeout_s > 0
        # The request is on its way: cancelling whoever waits for the answer does not take it back.
        request = asyncio.ensure_future(self._commit(offsets))
        request.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(request)

    async def committed_with_metadata(self, tp: TP, timeout_s: float) -> tuple[int, str] | None:
        """As Consumer.committed_with_metadata."""
        async with asyncio.timeout(timeout_s):
            while True:
                await self._answer()
                found = self.kafka.committed.get(tp)
                if await self.confirm():
                    return found
                await asyncio.sleep(0.1)

    async def confirm(self) -> bool:
        """As HayateApp.confirmed."""
        await self._answer()
        return self.generation == self.kafka.generation

    def poll(self, tp: TP, count: int) -> Batch | None:
        """The next records of a partition; None where there are none."""
        log = self.kafka.logs[TopicPartition(*tp)]
        start = max(self.position.get(tp, 0), self.kafka.begin[TopicPartition(*tp)])
        records = log[start : start + count]
        self.position[tp] = start + len(records)
        return Batch(tp, list(records), self.epochs[tp]) if records else None

    async def _commit(self, offsets: Mapping[TP, tuple[int, str]]) -> None:
        await self._answer()
        await self.commit_gate.wait()
        error, applied = self.commit_errors.popleft() if self.commit_errors else (None, True)
        if error is None and self.generation != self.kafka.generation:
            raise CommitFailedError
        if applied:
            self.kafka.committed.update(offsets)
            self.commits += [offset for offset, _ in offsets.values()]
        if error is not None:
            raise error

    async def _answer(self) -> None:
        async with self._connection:  # one connection to the coordinator, which answers in order
            await asyncio.sleep(self._latency_s())
            if self.dead:
                await asyncio.Event().wait()


def produce_error() -> KafkaError:
    """What a record that the broker refuses for good ends with."""
    return KafkaError("refused")
