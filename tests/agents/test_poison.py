"""Records that raise: exactly those are rejected, the rest goes through once, and the state never knew them."""

import asyncio
from typing import Any

import pytest
from aiokafka.structs import TopicPartition
from faust.types import TP
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.quarantine import BatchFailedError, Quarantine
from streams.errors import FatalError, StateError
from tests.agents.fake_job import FEATURES, REJECTED, TICKS, LocalStore, tick
from tests.agents.fake_kafka import FakeKafka, produce_error, record
from tests.agents.fake_worker import INPUT, FakeWorker, check, outputs, settle, simulated, some_ticks, until
from tests.agents.virtual_time import run


def bad(*offsets: int) -> dict[int, Exception]:
    """What these raise. They must be numbers that are folded, as 0, 2, 3, 5, 6, 7, 8, 9 of every ten are."""
    return {offset: ZeroDivisionError(f"at {offset}") for offset in offsets}


@pytest.mark.parametrize("checkpoint_s", [0.0, 60.0, 1.0])
@pytest.mark.parametrize("poison", [(0,), (5,), (9,), (2, 3), (0, 5, 9), (0, 2, 3, 5, 6, 7, 8, 9)])
def test_exactly_the_poison_is_rejected(poison: tuple[int, ...], checkpoint_s: float) -> None:
    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka, 30)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=checkpoint_s)
        worker.explode |= bad(*poison)
        await worker.open()
        worker.poll(count=10)
        await asyncio.sleep(5)
        worker.poll()
        await asyncio.sleep(5)
        await settle(worker)
        await worker.stop()
        check(kafka, poison)
        assert worker.restarts == len(poison) + 1, "one for the batch, one for each"

    simulated(scenario)


def test_a_rejection_says_why() -> None:
    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        worker.explode |= bad(5)
        await worker.open()
        worker.poll()
        await settle(worker)
        await worker.stop()
        (poisoned,) = [r for r in kafka.log(REJECTED) if dict(r.headers).get("reason") == b"poison"]
        assert dict(poisoned.headers) == {
            "src": b"5",
            "prev": b"4",
            "reason": b"poison",
            "detail": b"ZeroDivisionError: at 5",
        }

    simulated(scenario)


def test_only_the_batch_that_raised_is_processed_one_by_one() -> None:
    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka, 40)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
        worker.explode |= bad(15)
        await worker.open()
        for _ in range(8):
            worker.poll(count=10)
            await asyncio.sleep(2)
        assert worker.broker.commits[:2] == [10, 16], "so that what came before is not repeated with every failure"
        assert sorted({offset for job in worker.jobs for offset in job.singly}) == list(range(10, 20))
        assert kafka.committed[INPUT][0] == 16, "a failing record has what came before it, and itself, behind it"
        await settle(worker)
        await worker.stop()
        check(kafka, [15])

    simulated(scenario)


def test_a_batch_that_raises_only_as_a_whole_goes_through() -> None:
    """Nobody is guilty alone: nothing is rejected."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
        await worker.open()
        worker.job.explode = bad(5)  # this lane's job only
        worker.poll()
        await settle(worker)
        await worker.stop()
        check(kafka)
        assert worker.restarts == 1

    simulated(scenario)


def test_nothing_of_a_batch_that_raised_comes_out() -> None:
    """Also not what it emitted before the record that raised: the new lane may process that otherwise."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
        await worker.open()
        worker.explode |= bad(9)
        worker.producer.held |= {FEATURES, REJECTED}
        lane = next(iter(worker.lanes))
        worker.poll()
        await until(lambda: next(iter(worker.lanes)) is not lane)
        assert not lane.job.notes  # type: ignore[attr-defined]  # the fake's
        assert lane._outputs.tickets() == {FEATURES: 0, REJECTED: 0}
        worker.producer.release(FEATURES)
        worker.producer.release(REJECTED)
        await settle(worker)
        await worker.stop()
        check(kafka, [9])

    simulated(scenario)


@pytest.mark.parametrize("healed", [False, True])
@pytest.mark.parametrize("wait_s", [0.0, 0.01, 0.03, 0.1, 0.3, 3.0])
def test_killed_around_a_poison(wait_s: float, healed: bool) -> None:
    """The successor finds the rejection, if it was written, and abides by it, although the record does it no harm."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka, 20)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0, latency_s=lambda: 0.004)
        worker.explode |= bad(5, 13)
        await worker.open()
        worker.poll()
        await asyncio.sleep(wait_s)
        successor = FakeWorker(kafka, await worker.kill(1), checkpoint_s=1.0)
        if not healed:
            successor.explode |= bad(5, 13)
        await successor.open()
        await settle(successor)
        await successor.stop()
        found = [int(dict(r.headers)["src"]) for r in kafka.log(REJECTED) if dict(r.headers).get("reason") == b"poison"]
        assert found == sorted(set(found))
        assert set(found) <= {5, 13}
        assert healed or found == [5, 13]
        check(kafka, found)

    simulated(scenario)


def test_no_checkpoint_between_a_failure_and_its_lanes_end() -> None:
    """Asked for in the same turn of the loop, when rows are ahead of the outputs: nothing of them is written."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
        worker.explode |= bad(5)
        await worker.open()
        worker.poll(count=3)
        await asyncio.sleep(1)
        batch = worker.broker.poll(INPUT, 10)
        assert batch is not None
        lane = next(iter(worker.lanes))
        await lane.offer(batch)
        await lane.checkpoint()
        assert worker.broker.commits == []
        await settle(worker)
        await worker.stop()
        check(kafka, [5])

    simulated(scenario)


def test_once_rejected_always_rejected() -> None:
    """Killed between the rejection and its commit; the record does the successor no harm, and is not folded all the
    same, for its rejection is in the log."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
        worker.explode |= bad(5)
        await worker.open()
        worker.broker.commit_gate.clear()
        for _ in range(3):
            worker.poll()
            await asyncio.sleep(1)
        assert [source for source, _, _ in outputs(kafka)[REJECTED]] == [1, 4, 5]
        assert kafka.committed == {}
        successor = FakeWorker(kafka, await worker.kill(), checkpoint_s=1.0)
        await successor.open()
        await settle(successor)
        await successor.stop()
        assert successor.restarts == 0
        check(kafka, [5])

    simulated(scenario)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (MemoryError("no more"), "MemoryError: no more.*memory and disk"),
        (OSError(28, "No space left on device"), "No space left.*memory and disk"),
        (StateError("state of A: run the other set"), "state of A"),
    ],
)
def test_what_is_not_the_records_fault_ends_the_worker_by_name(error: Exception, text: str) -> None:
    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
        worker.explode[5] = error
        await worker.open()
        worker.poll()
        await until(lambda: worker.fatal)
        assert worker.restarts == 0
        assert isinstance(worker.fatal[0], FatalError)
        with pytest.raises(FatalError, match=text):
            raise worker.fatal[0]
        await worker.lanes.close(checkpoint=True)
        assert outputs(kafka) == {FEATURES: [], REJECTED: []}
        assert kafka.committed == {}
        await worker.stop()

    simulated(scenario)


def test_a_rejection_that_raises_ends_the_worker() -> None:
    """It is not tried for ever."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
        worker.explode |= bad(5)

        def broken(*_: Any) -> None:
            raise KeyError("reject")

        await worker.open()
        worker.prepare_job = lambda job: setattr(job, "reject", broken)
        for _ in range(3):
            worker.poll()
            await asyncio.sleep(1)
        assert isinstance(worker.fatal[0], KeyError)
        assert worker.restarts == 2
        await worker.stop()

    simulated(scenario)


STEP = st.one_of(
    st.tuples(st.just("poll"), st.integers(1, 12)),
    st.tuples(st.just("run"), st.sampled_from([0.0, 0.01, 0.3, 2.0])),
    st.tuples(st.just("fail"), st.sampled_from([FEATURES, REJECTED])),
    st.tuples(st.just("stall"), st.just(0)),
    st.tuples(st.just("kill"), st.integers(0, 2)),
)


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(STEP, max_size=12),
    poison=st.sets(st.sampled_from([n for n in range(40) if n % 10 not in {1, 4}]), max_size=6),
    checkpoint_s=st.sampled_from([0.0, 0.5, 60.0]),
)
def test_any_schedule_with_poison(steps: list[tuple[str, Any]], poison: set[int], checkpoint_s: float) -> None:
    async def scenario() -> None:
        kafka = FakeKafka()
        some_ticks(kafka, 40)

        def start(disk: LocalStore) -> FakeWorker:
            worker = FakeWorker(kafka, disk, checkpoint_s=checkpoint_s, latency_s=lambda: 0.002)
            worker.explode |= bad(*poison)
            worker.assign()
            return worker

        worker = start(LocalStore())
        for step, argument in steps:
            if step == "poll":
                worker.poll(count=argument)
            elif step == "run":
                await asyncio.sleep(argument)
            elif step == "fail":
                worker.producer.failing[argument] = produce_error()
            elif step == "stall":
                worker.skipped_s += 8.0
            else:
                worker = start(await worker.kill(argument))
        await settle(worker)
        await worker.stop()
        check(kafka, poison)

    run(scenario())


def records(*offsets: int) -> list[Any]:
    return [record(TICKS, 0, offset, tick("a", 1)) for offset in offsets]


def test_quarantine_cuts_suspects_and_poison_out() -> None:
    quarantine = Quarantine(TP(TICKS, 0))
    assert not quarantine.active
    assert [len(chunk) for chunk in quarantine.cut(records(*range(7)), 3)] == [3, 3, 1]
    assert list(quarantine.cut([], 3)) == []
    failed = quarantine.failed(records(2, 3, 5), ValueError("x"))
    assert isinstance(failed, BatchFailedError)
    assert quarantine.active
    cut = [[r.offset for r in chunk] for chunk in quarantine.cut(records(*range(10)), 3)]
    assert cut == [[0, 1], [2], [3], [4], [5], [6, 7, 8], [9]]
    quarantine.failed(records(4), ValueError("y"))
    assert quarantine.error_of(records(4)[0]) == "ValueError: y"
    quarantine.failed(records(8, 9), ValueError("x"))
    cut = [[r.offset for r in chunk] for chunk in quarantine.cut(records(*range(12)), 3)]
    assert cut == [[0, 1], *([n] for n in range(2, 10)), [10, 11]]
    quarantine.settle(5)
    assert quarantine.error_of(records(4)[0]) is None
    assert quarantine.active
    quarantine.know([20])
    quarantine.settle(10)
    assert quarantine.error_of(records(20)[0]) == "rejected before"
    quarantine.settle(21)
    assert not quarantine.active


def test_a_single_record_needs_a_second_failure() -> None:
    """Its lane may have been in a bad way: only on fresh rows does it count."""
    quarantine = Quarantine(TP(TICKS, 0))
    quarantine.failed(records(4), ValueError("x"))
    assert quarantine.error_of(records(4)[0]) is None
    quarantine.failed(records(4), ValueError("x"))
    assert quarantine.error_of(records(4)[0]) == "ValueError: x"


def test_offsets_that_the_log_does_not_have_are_no_hindrance() -> None:
    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        kafka.begin[TopicPartition(TICKS, 0)] = 3
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        worker.explode |= bad(5)
        worker.assign()
        await settle(worker)
        await worker.stop()
        assert [source for source, _, _ in outputs(kafka)[REJECTED]] == [4, 5]

    simulated(scenario)
