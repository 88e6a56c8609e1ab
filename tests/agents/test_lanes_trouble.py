"""Lanes in trouble that must end: restarts without getting on, last checkpoints that raise, records that stay under
way, commits that are not ours."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from agents.lanes import CHECKPOINT_DEADLINE_S, DROP_DEADLINE_S
from agents.restarts import MAX_RESTARTS
from streams.errors import FatalError, StateError
from streams.kafka.checkpoint import Checkpoint, Origin
from tests.agents.fake_job import CHANGELOG, FEATURES, REJECTED, TICKS, FoldJob, LocalStore
from tests.agents.fake_kafka import FakeKafka, produce_error
from tests.agents.fake_worker import INPUT, FakeWorker, check, settle, simulated, some_ticks, until


def test_restarts_without_getting_on_end_the_worker_by_name() -> None:
    """It fails at the same records each time: the cause does not go away by itself."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        await worker.open()
        for _ in range(200):
            worker.producer.failing[FEATURES] = produce_error()
            worker.poll()
            await asyncio.sleep(0.5)
            if worker.fatal:
                break
        assert isinstance(worker.fatal[0], FatalError)
        assert "ticks[0] failed 10 times" in str(worker.fatal[0])
        assert "refused" in str(worker.fatal[0])
        assert worker.restarts == MAX_RESTARTS - 1
        worker.producer.failing.clear()
        await worker.stop()
        successor = FakeWorker(kafka, worker.store, checkpoint_s=1.0)
        await successor.open()
        await settle(successor)
        await successor.stop()
        check(kafka)

    simulated(scenario)


def test_a_log_that_does_not_answer_is_no_reason_to_end() -> None:
    """One leaderless partition: its lane tries for as long as it takes."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        worker.log.leaderless.add(FEATURES)
        worker.assign()
        await asyncio.sleep(1_000)
        assert worker.fatal == []
        assert worker.restarts > MAX_RESTARTS
        worker.log.leaderless.clear()
        await settle(worker)
        await worker.stop()
        check(kafka)

    simulated(scenario)


@pytest.mark.parametrize("how", ["revoke", "close"])
@pytest.mark.parametrize("where", ["rows", "settle", "to_store"])
def test_a_last_checkpoint_that_raises_something_else(where: str, how: str) -> None:
    """The worker ends with it, and the lane is dropped all the same: nothing of it goes on."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)

        def sabotage(job: FoldJob) -> None:
            def broken(*_: Any) -> Any:
                raise ZeroDivisionError(where)

            if where == "to_store":
                whole = job.rows

                def rows() -> Any:
                    found: Any = whole()
                    found.to_store = broken
                    return found

                setattr(job, "rows", rows)  # noqa: B010 - mypy refuses the assignment
            else:
                setattr(job, where, broken)

        worker.prepare_job = sabotage
        await worker.open()
        worker.poll()
        await asyncio.sleep(1)
        lane = next(iter(worker.lanes))
        if how == "revoke":
            await worker.revoke()
        else:
            assert not await worker.lanes.close(checkpoint=True)
        assert list(worker.lanes) == []
        assert lane.dropped
        assert isinstance(worker.fatal[0], ZeroDivisionError)
        assert [task.get_name() for task in asyncio.all_tasks() if "lane" in task.get_name()] == []
        worker.prepare_job = lambda _: None
        await worker.stop()
        successor = FakeWorker(kafka, worker.store, checkpoint_s=1.0)
        await successor.open()
        await settle(successor)
        await successor.stop()
        check(kafka)

    simulated(scenario)


@pytest.mark.parametrize("how", ["revoke", "close"])
def test_a_drop_that_raises_keeps_no_other_from_going(how: str) -> None:
    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)

        async def broken() -> None:
            raise ZeroDivisionError("close")

        worker.prepare_job = lambda job: setattr(job, "close", broken)
        await worker.open()
        if how == "revoke":
            await worker.revoke()
        else:
            assert not await worker.lanes.close(checkpoint=False)
        assert list(worker.lanes) == []
        assert isinstance(worker.fatal[0], ZeroDivisionError)
        await worker.stop()

    simulated(scenario)


@pytest.mark.parametrize("stream", [FEATURES, REJECTED])
def test_records_under_way_are_waited_for_by_the_next_lane(stream: str) -> None:
    """The broker is away during a rebalance: what was on the wire arrives after the next assignment, and the lane made
    then knows of it. What had not left is taken back."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka, 40)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
        await worker.open()
        worker.producer.held |= {FEATURES, REJECTED}
        worker.poll(count=10)
        await asyncio.sleep(1)
        worker.poll()
        await asyncio.sleep(1)
        began = asyncio.get_running_loop().time()
        await worker.revoke()
        assert asyncio.get_running_loop().time() - began <= CHECKPOINT_DEADLINE_S + DROP_DEADLINE_S + 0.1
        kafka.generation += 1
        worker.assign()
        worker.poll()
        await asyncio.sleep(20)
        assert worker.broker.commits == []
        assert worker.broker.epochs[INPUT] == 1, "the new lane reads nothing before it is known what there is"
        worker.producer.release(stream)
        await asyncio.sleep(20)
        assert worker.broker.epochs[INPUT] == 1
        worker.producer.release(FEATURES)
        worker.producer.release(REJECTED)
        await settle(worker)
        await worker.stop()
        check(kafka)

    simulated(scenario)


def test_revoked_again_while_records_are_under_way() -> None:
    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka, 10)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
        await worker.open()
        worker.producer.held.add(FEATURES)
        worker.poll()
        await asyncio.sleep(1)
        for _ in range(3):
            await worker.revoke()
            kafka.generation += 1
            worker.assign()
            await asyncio.sleep(1)
        worker.producer.release(FEATURES)
        await settle(worker)
        await worker.stop()
        check(kafka)

    simulated(scenario)


def refused(metadata: str, text: str, origin: Origin | None = None) -> Callable[[FakeKafka], Awaitable[None]]:
    """A scenario in which a commit with this metadata ends the worker."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        kafka.committed[INPUT] = (5, metadata)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        if origin is not None:
            worker.lanes._origin = lambda: origin
        worker.assign()
        await until(lambda: worker.fatal)
        assert isinstance(worker.fatal[0], StateError)
        assert "ticks[0]" in str(worker.fatal[0])
        assert text in str(worker.fatal[0])
        assert worker.restarts == 0
        assert kafka.committed[INPUT] == (5, metadata)
        await worker.stop()

    return scenario


def test_metadata_of_somebody_else_is_refused_by_name() -> None:
    simulated(refused("not ours", "faust -A app state reset"))


@pytest.mark.parametrize(
    ("was", "text"),
    [
        (Origin("aa", "id-1", 8), "state migrate"),
        (Origin("bb", "id-0", 8), "made anew"),
        (Origin("bb", "id-1", 4), "HAYATE_PARTITIONS=8"),
    ],
)
def test_another_layout_topic_or_partition_count_is_refused_by_name(was: Origin, text: str) -> None:
    simulated(refused(Checkpoint({}, -1, *was).encode(), text, Origin("bb", "id-1", 8)))


def test_a_checkpoint_says_what_it_is_of() -> None:
    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        worker.lanes._origin = lambda: Origin("bb", "id-1", 8)
        await worker.open()
        await settle(worker)
        written = msgspec.json.decode(kafka.committed[INPUT][1], type=Checkpoint)
        assert written.origin == Origin("bb", "id-1", 8)
        await worker.stop()
        again = FakeWorker(kafka, worker.store, checkpoint_s=1.0)
        await again.open()
        assert again.fatal == []
        await again.stop()

    simulated(scenario)


@pytest.mark.parametrize("checkpoint_s", [0.0, 1.0])
def test_a_job_hears_when_all_is_stored_also_while_nothing_comes(checkpoint_s: float) -> None:
    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=checkpoint_s)
        await worker.open()
        await settle(worker)
        calls = worker.job.stored_calls
        await asyncio.sleep(10)
        assert 9 <= worker.job.stored_calls - calls <= 11
        await worker.stop()

    simulated(scenario)


def test_nothing_is_called_stored_that_is_not() -> None:
    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        await worker.open()
        worker.broker.commit_gate.clear()
        worker.poll()
        await until(lambda: kafka.log(CHANGELOG))
        calls = worker.job.stored_calls
        await asyncio.sleep(30)
        assert worker.job.stored_calls == calls
        worker.broker.commit_gate.set()
        await settle(worker)
        assert worker.job.stored_calls > calls
        await worker.stop()

    simulated(scenario)


def test_clean_says_whether_anything_has_to_be_repeated() -> None:
    async def scenario(kafka: FakeKafka) -> None:
        clean = []
        for ticks, checkpoint, answered in ((0, True, True), (4, True, True), (4, False, True), (4, True, False)):
            worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
            await worker.open()
            some_ticks(kafka, ticks)
            worker.poll()
            await asyncio.sleep(1)
            if not answered:
                worker.broker.commit_gate.clear()
            clean.append(await worker.lanes.close(checkpoint=checkpoint))
            await worker.stop()
        assert clean == [True, True, False, False]

    simulated(scenario)


def test_it_is_not_clean_while_a_lane_in_a_failed_ones_place_cannot_open() -> None:
    async def scenario(kafka: FakeKafka) -> None:
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
        await worker.open()
        some_ticks(kafka)
        failed = next(iter(worker.lanes))
        worker.log.leaderless.add(FEATURES)
        worker.producer.failing[FEATURES] = produce_error()
        worker.poll()
        await until(lambda: next(iter(worker.lanes), failed) is not failed)
        assert next(iter(worker.lanes)).processed is None
        assert not await worker.lanes.close(checkpoint=True)
        await worker.stop()

    simulated(scenario)


@pytest.mark.parametrize("checkpoint_s", [1.0, 60.0], ids=["one is under way", "it is the first"])
@pytest.mark.parametrize("how", ["revoke", "close"])
def test_a_store_that_hangs_does_not_cost_the_last_checkpoint(how: str, checkpoint_s: float) -> None:
    async def scenario(kafka: FakeKafka) -> None:
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=checkpoint_s)

        async def hang(_: Any) -> None:
            await asyncio.sleep(20.0)

        worker.prepare_job = lambda job: setattr(job, "settle", hang)
        await worker.open()
        for _ in range(2):  # the second time behind the snapshot of a checkpoint under way
            some_ticks(kafka)
            worker.poll()
            await asyncio.sleep(3)
        lane = next(iter(worker.lanes))
        assert (lane.processed, lane.committed) == (len(kafka.log(TICKS)), 0)
        begun = asyncio.get_running_loop().time()
        if how == "revoke":
            await worker.revoke()
        else:
            assert await worker.lanes.close(checkpoint=True)
        assert asyncio.get_running_loop().time() - begun < CHECKPOINT_DEADLINE_S
        assert lane.committed == lane.processed
        await worker.stop()

    simulated(scenario)


def test_a_time_out_of_the_job_itself_is_an_error_like_any_other() -> None:
    async def scenario(kafka: FakeKafka) -> None:
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        answers = iter([TimeoutError("its own")])

        async def fail_once(_: Any) -> None:
            for error in answers:
                raise error

        worker.prepare_job = lambda job: setattr(job, "settle", fail_once)
        await worker.open()
        some_ticks(kafka)
        worker.poll()
        await until(lambda: worker.restarts == 1)
        await settle(worker)
        await worker.stop()
        check(kafka)

    simulated(scenario)
