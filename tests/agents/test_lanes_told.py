"""Lanes that are told what stands in the log by whoever wrote it, instead of polling it."""

import asyncio

from tests.agents.fake_job import TICKS, LocalStore, tick
from tests.agents.fake_kafka import FakeKafka
from tests.agents.fake_worker import INPUT, FakeWorker, check, some_ticks, until
from tests.agents.virtual_time import run


def test_what_is_next_is_taken_at_once_and_not_polled_again() -> None:
    async def scenario(kafka: FakeKafka) -> None:
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=0.5)
        worker.assign()
        await asyncio.sleep(0.1)
        some_ticks(kafka)
        assert worker.tell(0, 4)
        assert worker.tell(4)
        assert [lane.processed for lane in worker.lanes] == [10]
        assert worker.broker.seldom == {INPUT}, "it need not be fetched"
        worker.poll()
        assert worker.queued == 0
        await until(lambda: worker.broker.commits == [10])
        await worker.stop()
        check(kafka)

    run(scenario(FakeKafka()))


def test_what_is_not_next_is_left_to_the_polls() -> None:
    """Known already, behind a hole, or before the lane is open."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=0.5)
        worker.assign()
        assert not worker.tell(0, 3), "it does not know yet where to begin"
        await asyncio.sleep(0.1)
        assert worker.tell(0, 3)
        assert not worker.tell(2, 3)
        assert not worker.broker.seldom, "what is missing is fetched at once"
        assert not worker.tell(5, 3)
        worker.poll()
        await until(lambda: worker.broker.commits == [10])
        assert not worker.tell(0, 10)
        await worker.stop()
        check(kafka)

    run(scenario(FakeKafka()))


def test_what_is_told_waits_behind_what_is_queued() -> None:
    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=0.0)
        await worker.open()
        worker.broker.commit_gate.clear()
        worker.poll()
        await until(lambda: [lane.processed for lane in worker.lanes] == [10])
        first = kafka.append(TICKS, 0, tick("a", 7), tick("b", 2))
        assert worker.tell(first), "the lane is busy with a checkpoint"
        worker.broker.commit_gate.set()
        await until(lambda: kafka.committed and next(iter(kafka.committed.values()))[0] == 12)
        await worker.stop()
        check(kafka)

    run(scenario(FakeKafka()))
