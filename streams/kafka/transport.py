"""Faust's aiokafka transport with its holes closed. Each guard names the version and the symptom it is for."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, ClassVar, cast

import aiokafka
from aiokafka.errors import ConsumerStoppedError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.exceptions import NotReady
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import Service
from mode.threads import WorkerThread
from mode.types import ServiceT
from mode.utils.futures import maybe_async

from streams.kafka.batching import Batch


class _ReadOffsets(defaultdict[TP, int | None]):
    """Faust's read offsets, unknown for batched topics.

    faust 0.15.3: `_drain_messages` drops what is below the read offset, without a word, also after a seek back, and
    fills gaps in an interval tree that takes most of the CPU at 10,000 ticks/s. Lanes check contiguity themselves.
    """

    def __init__(self, batched: frozenset[str]) -> None:
        super().__init__(lambda: None)
        self._batched = batched

    def __getitem__(self, tp: TP) -> int | None:
        return None if tp.topic in self._batched else super().__getitem__(tp)


class _SameLoop(WorkerThread):
    """Takes the place of the consumer's thread: serves it as a task of the loop that everything else runs in."""

    def start(self) -> None:
        self._task = asyncio.ensure_future(self.service._serve())

    def stop(self) -> None:
        """The service has ended by itself when Faust calls this."""


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """What owns the aiokafka consumer: a thread in faust 0.15.3, here a task in the worker's own loop.

    Between two threads every poll costs two wake-ups and, worse, each waits for the other's turn with the interpreter
    after every system call. And a seek from the one while the other polls is lost, or ends the worker with a KeyError.
    In one loop there is no such race.
    """

    _epochs: dict[TP, int]

    async def _gather_remaining_tasks(self) -> None:
        """Not here: it cancels every task of the loop, which is not the consumer's alone."""

    async def call_thread(self, fun: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        """Call directly: there is no other thread."""
        return await maybe_async(fun(*args, **kwargs))

    def __post_init__(self) -> None:
        super().__post_init__()
        self._epochs = defaultdict(int)

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # faust 0.15.3 hard-codes 1,500 ms, which a joining worker waits for before it sees the rebalance.
        consumer._fetch_max_wait_ms = 100
        return consumer

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 - Faust's signature
        max_records: int | None = None,
    ) -> Any:
        polled = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        batched = cast("Consumer", self.consumer).batched_topics
        return {
            tp: Batch(tp, records, self._epochs[tp]) if tp.topic in batched else records
            for tp, records in ((TP(tp.topic, tp.partition), records) for tp, records in polled.items())
            if records
        }

    def fetch_only(self, tps: Iterable[TP], *, fetching: bool) -> None:
        """Have aiokafka fetch these partitions, or not; those that are not assigned any more are left alone."""
        consumer = self._ensure_consumer()
        assigned = consumer.assignment()
        for tp in tps:
            if TopicPartition(*tp) in assigned:
                (consumer.resume if fetching else consumer.pause)(TopicPartition(*tp))

    async def reread(self, tp: TP, offset: int) -> int:
        """Seek `tp` to `offset`; polls from now on carry the returned epoch."""
        self._ensure_consumer().seek(TopicPartition(*tp), offset)
        self._epochs[tp] += 1
        return self._epochs[tp]

    async def commit_with_metadata(self, offsets: Mapping[TP, tuple[int, str]]) -> None:
        """Commit offsets with their metadata as the current member of the group.

        Raises:
            aiokafka.errors.CommitFailedError: the group has moved on; the partitions may be another worker's.
        """
        await self._ensure_consumer().commit(
            {TopicPartition(*tp): OffsetAndMetadata(*offset) for tp, offset in offsets.items()}
        )

    async def committed(self, tps: Iterable[TP]) -> dict[TP, tuple[int, str]]:
        """Offsets and metadata as the broker has them; partitions without a commit are left out."""
        consumer = self._ensure_consumer()
        found = await consumer._coordinator.fetch_committed_offsets([TopicPartition(*tp) for tp in tps])
        return {TP(tp.topic, tp.partition): (at.offset, at.metadata) for tp, at in found.items()}


class Consumer(driver.Consumer):
    """Faust's consumer, with batched topics polled as batches and everything that lanes need from the broker."""

    batched_topics: ClassVar[frozenset[str]] = frozenset()
    """Topics whose polls become batches; set by `transport_for`."""

    _thread: ConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = _ReadOffsets(self.batched_topics)

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, thread_loop=self.loop, Worker=_SameLoop, beacon=self.beacon)

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        """Deliver polls.

        Faust's own loop runs four tasks around each delivery, so as not to wait for an agent while the flow is
        suspended; a poll that waits then is of an old generation, skipped by the stream, and read again by its lane.
        """
        stopped, fetcher_stopped = self._stopped.is_set, cast(Service, fetcher)._stopped.is_set
        try:
            while not (stopped() or fetcher_stopped()):
                await asyncio.sleep(0)
                async for tp, message in self.getmany(timeout=1.0):
                    if tp.topic in self.batched_topics:
                        await self.callback(message)
                    elif (read := self._read_offset[tp]) is None or message.offset >= read:
                        await self.wait_first(self.callback(message), self.suspend_flow.wait())
                        self._read_offset[tp] = message.offset
        except (ConsumerStoppedError, asyncio.CancelledError):
            if not self.app.should_stop:
                raise

    # faust 0.15.3 pauses partitions in its own books only: aiokafka goes on fetching them, and sends the broker no
    # further fetch for 100 ms while what it fetched is not taken. Our own changelog records, which nobody takes after
    # recovery, thus stopped the ticks for 100 ms at every checkpoint of every partition.

    def pause_partitions(self, tps: Iterable[TP]) -> None:
        """Pause in Faust's books and in aiokafka."""
        tps = frozenset(tps)
        super().pause_partitions(tps)
        self._thread.fetch_only(tps, fetching=False)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Resume in Faust's books and in aiokafka."""
        tps = frozenset(tps)
        super().resume_partitions(tps)
        self._thread.fetch_only(tps, fetching=True)

    def on_buffer_full(self, tp: TP) -> None:
        """An agent has enough of this partition queued."""
        super().on_buffer_full(tp)
        if tp in self._buffered_partitions:  # it is not while tables recover
            self._thread.fetch_only([tp], fetching=False)

    def on_buffer_drop(self, tp: TP) -> None:
        """It has room again."""
        buffered = tp in self._buffered_partitions
        super().on_buffer_drop(tp)
        if buffered:
            self._thread.fetch_only([tp], fetching=True)

    async def reread(self, tp: TP, offset: int) -> int:
        """Read `tp` again from `offset`; batches polled after that carry the returned epoch."""
        return await self._thread.reread(tp, offset)

    async def commit_with_metadata(self, offsets: Mapping[TP, tuple[int, str]], timeout_s: float) -> None:
        """Commit through the broker, not through Faust, whose `commit` hides a refusal; aiokafka itself would retry
        for ever without a coordinator, hence the deadline.

        Raises:
            TimeoutError: no coordinator answered in time; whether it committed is unknown.
            aiokafka.errors.CommitFailedError: refused, see `ConsumerThread.commit_with_metadata`.
        """
        await asyncio.wait_for(self._thread.commit_with_metadata(offsets), timeout_s)

    async def committed_with_metadata(self, tp: TP, timeout_s: float) -> tuple[int, str] | None:
        """The broker's committed offset of `tp` and its metadata (Faust's own idea of it is stale after a start)."""
        return (await asyncio.wait_for(self._thread.committed([tp]), timeout_s)).get(tp)


class Producer(driver.Producer):
    """Faust's producer: idempotent, patient where aiokafka would tear holes, and two of them.

    aiokafka has one request on its way to a broker; what comes next waits for that answer. So the features have a
    connection of their own, and signals and changelog rows, which can wait, have the other.
    """

    _later: aiokafka.AIOKafkaProducer | None = None

    async def on_start(self) -> None:
        """Connect both."""
        await super().on_start()
        self._later = self._new_producer()
        await self._later.start()

    async def on_stop(self) -> None:
        """Disconnect both."""
        await super().on_stop()
        if self._later is not None:
            await self._later.stop()

    def _settings_extra(self) -> Mapping[str, Any]:
        return {**super()._settings_extra(), "acks": "all", "enable_idempotence": True}

    def _new_producer(self, transactional_id: str | None = None) -> aiokafka.AIOKafkaProducer:
        producer = super()._new_producer(transactional_id)
        # aiokafka 0.14 fails a batch that waited longer than the request timeout and still sends the later ones: a
        # hole in the output. Ours wait for as long as the broker is away; outlets bound how much waits.
        producer._message_accumulator._batch_ttl = float("inf")
        return producer

    @property
    def urgent(self) -> aiokafka.AIOKafkaProducer:
        """The aiokafka producer of what latency is measured to first: features, and rejects beside them."""
        return self._ensure_producer()

    @property
    def later(self) -> aiokafka.AIOKafkaProducer:
        """The aiokafka producer of signals and changelog rows."""
        if self._later is None:
            raise NotReady("Producer service not yet started")
        return self._later


def transport_for(batched_topics: frozenset[str]) -> type[driver.Transport]:
    """Transport class whose consumer polls `batched_topics` as batches."""

    class BatchingConsumer(Consumer):
        pass

    BatchingConsumer.batched_topics = batched_topics

    class Transport(driver.Transport):
        pass

    Transport.Consumer = BatchingConsumer
    Transport.Producer = Producer
    return Transport
