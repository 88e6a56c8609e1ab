"""A worker process around real lanes: what Faust does with polls and rebalances, on the Kafka in memory."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from copy import deepcopy

from faust.types import TP

from agents.heartbeat import Heartbeat
from agents.lanes import Lanes
from streams.kafka.batching import Batch
from streams.kafka.tail import TailReader
from tests.agents.fake_job import FEATURES, REJECTED, TICKS, FoldJob, LocalStore, reference, tick
from tests.agents.fake_kafka import FakeBroker, FakeKafka, FakeLog, FakeProducer
from tests.agents.virtual_time import run

INPUT = TP(TICKS, 0)
SESSION_S = 10.0
NUMBERS = (5, -1, 3, 8, -2, 13, 1, 1, 2, 4)


class FakeWorker:
    """One process with one partition; `store` is its disk."""

    def __init__(
        self, kafka: FakeKafka, store: LocalStore, *, checkpoint_s: float, latency_s: Callable[[], float] = lambda: 0.0
    ) -> None:
        self.kafka, self.store = kafka, store
        self.broker = FakeBroker(kafka, latency_s=latency_s)
        self.producer = FakeProducer(kafka, latency_s=latency_s)
        self.jobs: list[FoldJob] = []
        self.fatal: list[BaseException] = []
        self.restarts = 0
        self.explode: dict[int, Exception] = {}
        """Offset -> what every job raises at it."""
        self.prepare_job: Callable[[FoldJob], object] = lambda _: None
        """What else is done to every new job."""
        self.log = FakeLog(kafka)
        tails = TailReader(self.log)
        self.skipped_s = 0.0
        """How long the process stood still so far, which its event loop's clock does not show."""
        self.heartbeat = Heartbeat(
            SESSION_S,
            self.broker.confirm,
            on_suspect=lambda: self.lanes.abandon(),  # noqa: PLW0108 - it has no lanes yet
            on_fatal=self.fatal.append,
            clock=lambda: asyncio.get_running_loop().time() + self.skipped_s,
        )
        self.lanes = Lanes(
            self._make_job,
            lambda: self.broker,
            lambda: self.producer,
            lambda: tails,
            self.heartbeat,
            checkpoint_s=checkpoint_s,
            on_fatal=self.fatal.append,
            on_restart=self._count_restart,
        )
        self._queue: asyncio.Queue[Batch] = asyncio.Queue()
        self._agent = asyncio.create_task(self._run_agent(), name="agent")

    @property
    def job(self) -> FoldJob:
        """The newest lane's."""
        return self.jobs[-1]

    @property
    def queued(self) -> int:
        """Polls that the agent has not taken yet."""
        return self._queue.qsize()

    def assign(self) -> None:
        """The group gives us the partition: recover, and read from the committed offset."""
        self.broker.generation = self.kafka.generation
        self.store.recover(self.kafka)
        self.broker.assigned.add(INPUT)
        self.broker.position[INPUT] = self.kafka.committed.get(INPUT, (0, ""))[0]
        self.heartbeat.start()
        self.lanes.assign([INPUT])

    async def open(self) -> None:
        """Assign, and wait until the lane is open: it reads again whatever was polled before that."""
        self.assign()
        epoch = self.broker.epochs[INPUT]
        self.poll()
        await until(lambda: self.broker.epochs[INPUT] > epoch)

    async def revoke(self) -> None:
        """The group takes it away: Faust empties its queues and calls us, and the group waits for that."""
        self._empty_queue()
        await self.lanes.revoke([INPUT])
        self.broker.assigned.clear()

    def poll(self, how: str = "plain", count: int = 10_000) -> None:
        """One poll; `drop` it behind the read position, deliver it `twice`, or one of before the last seek (`old`)."""
        batch = self.broker.poll(INPUT, count)
        if batch is None or how == "drop":
            return
        self._queue.put_nowait(batch)
        if how == "twice":
            self._queue.put_nowait(batch)
        if how == "old":
            self._queue.put_nowait(Batch(batch.tp, batch.records, batch.epoch - 1))

    def tell(self, first: int, count: int = 10_000) -> bool:
        """Hand the lane records of the log from offset `first` on that it has not polled."""
        records = self.kafka.log(TICKS)[first : first + count]
        return bool(records) and self.lanes.tell(INPUT, list(records))

    async def stop(self) -> None:
        """SIGTERM."""
        self._empty_queue()
        await self.lanes.close(checkpoint=True)
        self.heartbeat.stop()
        self._agent.cancel()
        await asyncio.wait([self._agent])
        await self.producer.stop()

    async def kill(self, written: int = 0) -> LocalStore:
        """SIGKILL; `written` requests of each output partition arrive all the same. Returns what is on the disk."""
        disk = deepcopy(self.store)
        self.producer.kill(written)
        self.broker.dead = True
        self.heartbeat.stop()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        return disk

    def _make_job(self) -> FoldJob:
        self.jobs.append(FoldJob(self.store, lambda: self.producer))
        self.job.explode = self.explode
        self.prepare_job(self.job)
        return self.job

    def _count_restart(self) -> None:
        self.restarts += 1

    def _empty_queue(self) -> None:
        while not self._queue.empty():
            self._queue.get_nowait()

    async def _run_agent(self) -> None:
        while True:
            await self.lanes.offer(await self._queue.get())


def outputs(kafka: FakeKafka) -> dict[str, list[tuple[int, bytes, bytes]]]:
    """Topic -> source offset, key and value of every record written, as `reference` has them."""
    return {
        topic: [(int(dict(record.headers)["src"]), record.key, record.value) for record in kafka.log(topic)]
        for topic in (FEATURES, REJECTED)
    }


def check(kafka: FakeKafka, poison: Collection[int] = ()) -> None:
    """Everything came out once, in order, equal; and so do the rows that a new worker would begin with."""
    assert outputs(kafka) == reference(kafka.log(TICKS), poison)
    recovered = LocalStore()
    recovered.recover(kafka)
    totals = {key: value for _, key, value in outputs(kafka)[FEATURES]}
    assert {key.encode(): b"%d" % total for key, (_, total) in recovered.rows.items()} == totals


async def settle(worker: FakeWorker) -> None:
    """Poll until everything is processed and committed; one more tick wakes a partition whose last poll was dropped."""
    worker.producer.failing.clear()
    worker.broker.commit_errors.clear()
    log = worker.kafka.log(TICKS)
    for turn in range(200):
        worker.poll()
        await asyncio.sleep(0.5)
        assert not worker.fatal, worker.fatal
        if worker.kafka.committed.get(INPUT, (0, ""))[0] == len(log):
            return
        if turn == 20:
            worker.kafka.append(TICKS, 0, tick("a", 1))
    raise AssertionError(f"stuck: {worker.kafka.committed.get(INPUT)} committed, the log ends at {len(log)}")


def some_ticks(kafka: FakeKafka, count: int = 10) -> None:
    """Accepted and rejected ticks of two keys."""
    kafka.append(TICKS, 0, *(tick("ab"[i % 2], NUMBERS[i % len(NUMBERS)]) for i in range(count)))


async def until(condition: Callable[[], object]) -> None:
    """Let the loop turn until `condition` holds; virtual time makes waiting free."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came true")


async def turns(count: int) -> None:
    """Let the loop turn so often, without any time passing."""
    for _ in range(count):
        await asyncio.sleep(0)


def simulated(scenario: Callable[[FakeKafka], Awaitable[None]]) -> None:
    """Run a scenario on a Kafka of its own."""

    async def main() -> None:
        await scenario(FakeKafka())

    run(main())
