"""What owns the aiokafka consumer, with its holes closed. Each guard names the version and the symptom it is for."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

import aiokafka
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.threads import WorkerThread
from mode.utils.futures import maybe_async

from streams.kafka.batching import Batch
from streams.kafka.client import guard_client, guard_stop
from streams.kafka.fetches import guard_fetches
from streams.kafka.generation import is_current
from streams.kafka.outage_log import thin_out
from streams.kafka.turns import Turns

if TYPE_CHECKING:
    from streams.kafka.transport import Consumer

RETRY_S: Final = 0.1
"""Between a question that the coordinator could not answer now and the next try."""


class SameLoop(WorkerThread):
    """Takes the place of the consumer's thread: serves it as a task of the loop that everything else runs in."""

    def start(self) -> None:
        """Serve."""
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
    _turns: Turns

    async def _gather_remaining_tasks(self) -> None:
        """Not here: it cancels every task of the loop, which is not the consumer's alone."""

    async def call_thread(self, fun: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        """Call directly: there is no other thread."""
        return await maybe_async(fun(*args, **kwargs))

    def __post_init__(self) -> None:
        super().__post_init__()
        self._epochs = defaultdict(int)
        self._turns = Turns(rest_s=cast("Consumer", self.consumer).poll_s)

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # faust 0.15.3 hard-codes 1,500 ms, which a joining worker waits for before it sees the rebalance.
        consumer._fetch_max_wait_ms = 100
        guard_client(consumer._client)
        guard_stop(consumer)
        guard_fetches()
        thin_out()
        if (membership := cast("Consumer", self.consumer).membership) is not None:
            membership.prepare(consumer)
        return consumer

    async def on_start(self) -> None:
        """Connect; Faust subscribes, and so joins, only after this."""
        await super().on_start()
        self._turns.attach(self._ensure_consumer())
        if (membership := cast("Consumer", self.consumer).membership) is not None:
            membership.attach(self._ensure_consumer())

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
        self._turns.seldom.discard(TopicPartition(*tp))
        self._ensure_consumer().seek(TopicPartition(*tp), offset)
        self._epochs[tp] += 1
        return self._epochs[tp]

    def told(self, tp: TP, end: int) -> None:
        """Go on reading `tp` behind `end`, and seldom."""
        subscription = self._ensure_consumer()._subscription.subscription
        if (
            subscription is None
            or subscription.assignment is None
            or TopicPartition(*tp) not in subscription.assignment.tps
        ):
            return
        state = subscription.assignment.state_value(TopicPartition(*tp))
        if state.has_valid_position and state.position < end:
            state.consumed_to(end)
        self._turns.seldom.add(TopicPartition(*tp))

    def untold(self, tp: TP) -> None:
        """Fetch `tp` whenever there is something."""
        self._turns.seldom.discard(TopicPartition(*tp))

    async def commit_with_metadata(self, offsets: Mapping[TP, tuple[int, str]]) -> None:
        """Commit offsets with their metadata as the member of the group's present generation.

        aiokafka 0.14 commits as whoever it is when the request goes out. After the first refusal that is nobody: its
        generation is then -1, with which a broker takes the commit of anybody while the group has no members
        (seen). So the commits of a worker that was asleep, whose successor died meanwhile, would go back, and its rows
        over newer ones (read). And a commit that is tried again could go out in a later generation than it belongs to.

        Raises:
            aiokafka.errors.CommitFailedError: the group has moved on; the partitions may be another worker's.
            aiokafka.errors.IllegalStateError: they are not assigned to this worker.
        """
        consumer: Any = self._ensure_consumer()
        coordinator = consumer._coordinator
        generation = coordinator.generation
        committed = {TopicPartition(*tp): OffsetAndMetadata(*offset) for tp, offset in offsets.items()}
        if strange := committed.keys() - consumer.assignment():
            raise IllegalStateError(f"not assigned: {strange}")
        while True:
            await coordinator.ensure_coordinator_known()
            async with coordinator._commit_lock:
                # No await between this and the request.
                if generation < 0 or coordinator.generation != generation:
                    raise CommitFailedError("the group has moved on")
                try:
                    await coordinator._do_commit_offsets(None, committed)
                except (UnknownMemberIdError, IllegalGenerationError, RebalanceInProgressError) as error:
                    raise CommitFailedError(f"the group has moved on: {error!r}") from error
                except KafkaError as error:
                    if not error.retriable:
                        raise
                else:
                    return
            await asyncio.sleep(RETRY_S)

    async def committed_by_us(self, tp: TP) -> tuple[int, str] | None:
        """Offset and metadata of `tp`, None without a commit, asked for by a member that the group has still known
        after the answer: nobody else has committed since the partition was assigned to this one.

        A worker that was cut off may reach the broker again before it hears that its partitions are another's. What
        that one has committed fits none of the rows here.
        """
        while True:
            found = await self.committed([tp])
            if await is_current(self._ensure_consumer()):
                return found.get(tp)
            await asyncio.sleep(RETRY_S)

    async def committed(self, tps: Iterable[TP]) -> dict[TP, tuple[int, str]]:
        """Offsets and metadata as the broker has them; partitions without a commit are left out."""
        consumer = self._ensure_consumer()
        found = await consumer._coordinator.fetch_committed_offsets([TopicPartition(*tp) for tp in tps])
        return {TP(tp.topic, tp.partition): (at.offset, at.metadata) for tp, at in found.items()}

    async def ends(self, tps: Iterable[TP]) -> dict[TP, int]:
        """Offsets behind the last records, as the leaders have them (a fetch that hangs leaves `highwater` behind)."""
        found = await self._ensure_consumer().end_offsets([TopicPartition(*tp) for tp in tps])
        return {TP(tp.topic, tp.partition): end for tp, end in found.items()}
