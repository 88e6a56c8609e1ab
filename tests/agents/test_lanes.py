"""Lanes under a schedule of everything that happens to a worker: what comes out is what one undisturbed run gives."""

import asyncio
from functools import partial
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.lanes import CHECKPOINT_DEADLINE_S, DROP_DEADLINE_S
from agents.quarantine import Quarantine
from agents.restarts import FIRST_PAUSE_S
from streams.errors import StateError
from streams.kafka.batching import Batch
from tests.agents.fake_job import CHANGELOG, FEATURES, REJECTED, TICKS, LocalStore, reference, tick
from tests.agents.fake_kafka import FakeKafka, produce_error
from tests.agents.fake_worker import INPUT, FakeWorker, check, outputs, settle, simulated, some_ticks, turns, until
from tests.agents.virtual_time import run

TICK = st.builds(tick, st.sampled_from("abc"), st.integers(-3, 20))
ACTION = st.one_of(
    st.tuples(st.just("produce"), st.lists(TICK, min_size=1, max_size=30)),
    st.tuples(st.just("poll"), st.sampled_from(["plain", "plain", "drop", "twice", "old"]), st.integers(1, 40)),
    st.tuples(st.just("flow"), st.integers(1, 40)),
    st.tuples(st.just("tell"), st.integers(0, 60), st.integers(1, 20)),
    st.tuples(st.just("tell_new"), st.lists(TICK, min_size=1, max_size=9), st.integers(0, 9)),
    st.tuples(st.just("run"), st.sampled_from([0.0, 0.001, 0.004, 0.02, 0.3, 1.5])),
    st.tuples(st.just("fail_produce"), st.sampled_from([FEATURES, REJECTED, CHANGELOG])),
    st.tuples(st.just("fail_commit"), st.sampled_from([TimeoutError(), produce_error()]), st.booleans()),
    st.tuples(st.just("rebalance")),
    st.tuples(st.just("stop")),
    st.tuples(st.just("kill"), st.integers(0, 3)),
)


class Schedule:
    """Carries out actions on one worker after the other."""

    def __init__(self, seed: int, checkpoint_s: float) -> None:
        self.kafka = FakeKafka()
        self._rng = Random(seed)
        self._checkpoint_s = checkpoint_s
        self.worker = self._start(LocalStore())

    async def run(self, actions: list[Any]) -> None:
        """All actions, then what is left of the work."""
        for name, *arguments in actions:
            await getattr(self, f"_{name}")(*arguments)
        await settle(self.worker)
        await self.worker.stop()
        check(self.kafka)

    def _start(self, disk: LocalStore) -> FakeWorker:
        worker = FakeWorker(
            self.kafka,
            disk,
            checkpoint_s=self._checkpoint_s,
            latency_s=lambda: self._rng.choice([0.0, 0.001, 0.003, 0.05]),
        )
        worker.assign()
        return worker

    async def _produce(self, values: list[Any]) -> None:
        self.kafka.append(TICKS, 0, *values)

    async def _poll(self, how: str, count: int) -> None:
        self.worker.poll(how, count)

    async def _flow(self, polls: int) -> None:
        for _ in range(polls):
            self.worker.poll(count=7)
            await asyncio.sleep(0.004)

    async def _tell(self, first: int, count: int) -> None:
        self.worker.tell(first, count)

    async def _tell_new(self, values: list[Any], polled: int) -> None:
        """Written by this worker itself, which may have read some of it by the time that it hears so."""
        first = self.kafka.append(TICKS, 0, *values)
        self.worker.poll(count=polled)
        self.worker.tell(first, len(values))

    async def _run(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _fail_produce(self, topic: str) -> None:
        self.worker.producer.failing[topic] = produce_error()

    async def _fail_commit(self, error: BaseException, applied: bool) -> None:
        self.worker.broker.commit_errors.append((error, applied))

    async def _rebalance(self) -> None:
        await self.worker.revoke()
        self.kafka.generation += 1
        self.worker.assign()

    async def _stop(self) -> None:
        await self.worker.stop()
        self.worker = self._start(self.worker.store)

    async def _kill(self, written: int) -> None:
        self.worker = self._start(await self.worker.kill(written))


@given(st.lists(ACTION, max_size=25), st.integers(0, 2**32), st.sampled_from([0.0, 0.5]))
def test_any_schedule_gives_what_an_undisturbed_run_gives(actions: list[Any], seed: int, checkpoint_s: float) -> None:
    """Polls dropped, doubled and raced, failures, rebalances, stops and kills: nothing missing, twice, or different."""

    async def scenario() -> None:
        await Schedule(seed, checkpoint_s).run(actions)

    run(scenario())


async def test_nothing_to_close() -> None:
    """A worker that never got a partition stops all the same, and takes nothing afterwards."""
    worker = FakeWorker(FakeKafka(), LocalStore(), checkpoint_s=1.0)
    await worker.revoke()
    await worker.stop()
    await worker.lanes.offer(Batch(INPUT, [], 0))
    assert list(worker.lanes) == []


def test_rows_of_a_failed_checkpoint_are_not_left_out_of_the_next() -> None:
    """A checkpoint fails at the changelog while the last one waits for its turn: no commit without those rows."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        await worker.open()
        worker.producer.held.add(CHANGELOG)
        worker.poll()
        await until(lambda: worker.producer.waits(CHANGELOG))
        revoked = asyncio.create_task(worker.revoke())
        await turns(5)
        worker.producer.failing[CHANGELOG] = produce_error()
        worker.producer.release(CHANGELOG)
        await revoked
        await _finish(worker)

    simulated(scenario)


@pytest.mark.parametrize("error", [produce_error(), TimeoutError()])
def test_a_lane_never_starts_from_rows_behind_its_commit(error: Exception) -> None:
    """The broker has the commit, the answer is an error, and outputs fail at the same time: the lane is made anew in
    the same process, where nobody recovers the table."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        await worker.open()
        worker.broker.commit_errors.extend([(error, True), (produce_error(), False)])
        worker.poll()
        await until(lambda: worker.restarts)
        some_ticks(kafka)
        await settle(worker)
        await worker.stop()
        check(kafka)

    simulated(scenario)


def test_revoked_while_a_failed_lane_waits_for_its_restart() -> None:
    """The partition is another worker's by then: nothing starts for it."""

    async def scenario(kafka: FakeKafka) -> None:
        worker = await _with_a_failing_lane(kafka)
        await worker.revoke()
        jobs = len(worker.jobs)
        await asyncio.sleep(5)
        assert list(worker.lanes) == []
        assert len(worker.jobs) == jobs
        await worker.stop()

    simulated(scenario)


def test_closed_while_a_failed_lane_waits_for_its_restart() -> None:
    """Closing leaves no task behind that still waits."""

    async def scenario(kafka: FakeKafka) -> None:
        worker = await _with_a_failing_lane(kafka)
        await worker.stop()
        assert [task.get_name() for task in asyncio.all_tasks() if "lane" in task.get_name()] == []

    simulated(scenario)


def test_no_new_lane_before_the_fate_of_the_old_ones_outputs_is_known() -> None:
    """Features fail while a reject is still on its way; a poll comes at once. The reject is not written twice."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        await worker.open()
        worker.producer.held |= {REJECTED, FEATURES}
        worker.poll()
        await until(lambda: worker.producer.waits(REJECTED) and worker.producer.waits(FEATURES))
        worker.producer.failing[FEATURES] = produce_error()
        worker.producer.release(FEATURES)
        await until(lambda: worker.restarts)
        some_ticks(kafka)
        worker.poll()
        await asyncio.sleep(5)
        worker.producer.release(REJECTED)
        await settle(worker)
        await worker.stop()
        check(kafka)

    simulated(scenario)


def test_a_lane_that_keeps_failing_does_not_spin() -> None:
    """A jittered pause between one attempt and the next, however many polls come."""

    async def scenario(kafka: FakeKafka) -> None:
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        await worker.open()
        for _ in range(1_000):
            worker.producer.failing[FEATURES] = produce_error()
            some_ticks(kafka, 1)
            worker.poll()
            await asyncio.sleep(0.01)
        assert 3 < worker.restarts <= 2 * 10 / FIRST_PAUSE_S
        await settle(worker)
        await worker.stop()
        check(kafka)

    simulated(scenario)


def test_a_restarted_zombie_stores_nothing() -> None:
    """Its commit failed without a verdict, and it is made anew: its rows stay out of the local store all the same."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        await worker.open()
        worker.broker.commit_errors.append((produce_error(), False))
        kafka.generation += 1
        worker.poll()
        await until(lambda: worker.restarts)
        await asyncio.sleep(5)
        assert worker.store.rows == {}
        await worker.stop()

    simulated(scenario)


def test_a_zombie_begins_nothing_behind_its_heirs_commits() -> None:
    """It was cut off in the middle of a commit, and reaches the broker again before it hears that its partition has
    gone on elsewhere: its rows fit none of what its heir has committed."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        zombie = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        await zombie.open()
        zombie.broker.commit_errors.append((produce_error(), False))
        zombie.poll()
        await until(lambda: zombie.restarts)
        kafka.generation += 1
        heir = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        await heir.open()
        some_ticks(kafka)
        await settle(heir)
        for _ in range(100):
            zombie.poll()
            await asyncio.sleep(1.0)
        assert zombie.fatal == []
        assert len(zombie.jobs) > 1
        assert all(not job._rows for job in zombie.jobs[1:])
        assert zombie.store.rows == {}
        await heir.stop()
        kafka.generation += 1
        await zombie.revoke()
        zombie.assign()
        some_ticks(kafka)
        await settle(zombie)
        await zombie.stop()
        check(kafka)

    simulated(scenario)


def test_rows_that_are_older_than_the_commit_are_not_stored() -> None:
    """Unsettled ones are stored where exactly their commit is found."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
        await worker.open()
        for behind, stored in ((1, []), (0, ["stored"]), (-1, [])):
            found: list[str] = []
            rows: Any = SimpleNamespace(to_store=partial(found.append, "stored"))
            kafka.committed[INPUT] = (5, "")
            del worker.broker.position[INPUT]
            lane = worker.lanes._lane(INPUT, Quarantine(INPUT))
            lane.unsettled = (5 - behind, rows)
            running = asyncio.create_task(lane.run())
            await until(lambda: worker.broker.position.get(INPUT) == 5)
            assert found == stored
            assert lane.unsettled is None
            running.cancel()
            await asyncio.wait([running])
        await worker.stop()

    simulated(scenario)


def test_a_hole_that_is_filled_does_not_hide_what_stands_before_it() -> None:
    """A zombie wrote the output of 3 and not that of 2: the checkpoint behind 2 still knows that 3 is there."""

    async def scenario(kafka: FakeKafka) -> None:
        kafka.append(TICKS, 0, *(tick("a", number) for number in (1, 2, 3, 4)))
        whole = reference(kafka.log(TICKS))[FEATURES]
        for source in (0, 1, 3):
            kafka.append(FEATURES, 0, (b"a", whole[source][2], [("src", b"%d" % source), ("prev", b"-1")]))
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=0.0)
        await worker.open()
        worker.poll(count=3)
        await until(lambda: kafka.committed.get(INPUT, (0, ""))[0] == 3)
        again = FakeWorker(kafka, await worker.kill(), checkpoint_s=1.0)
        await again.open()
        await settle(again)
        await again.stop()
        assert sorted(outputs(kafka)[FEATURES]) == whole

    simulated(scenario)


def test_a_failed_output_is_noticed_at_once() -> None:
    """Not at the next checkpoint, which may be a minute away."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
        await worker.open()
        worker.producer.failing[FEATURES] = produce_error()
        worker.poll()
        await asyncio.sleep(5)
        assert worker.restarts == 1
        await worker.stop()

    simulated(scenario)


@pytest.mark.parametrize("metadata", [False, True])
def test_killed_twice_before_the_replay_has_caught_up(metadata: bool) -> None:
    """Outputs exist far beyond the first checkpoint after a kill: after a second kill they are not written again."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka, 40)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
        await worker.open()
        worker.poll()
        await until(lambda: len(kafka.log(FEATURES)) == 32)
        disk = await worker.kill()
        if metadata:
            kafka.committed[INPUT] = (0, "")  # as tools leave it that set a group's offsets
        second = FakeWorker(kafka, disk, checkpoint_s=0.0)
        await second.open()
        second.poll(count=10)
        await until(lambda: kafka.committed.get(INPUT, (0, ""))[0] == 10)
        third = FakeWorker(kafka, await second.kill(), checkpoint_s=1.0)
        await third.open()
        await settle(third)
        await third.stop()
        check(kafka)

    simulated(scenario)


def test_no_checkpoint_of_a_batch_that_failed_half_way() -> None:
    """A fatal error in the middle of a batch: the rows are ahead of the outputs and are never written."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
        await worker.open()
        worker.explode[5] = StateError("state of b")
        worker.poll(count=3)
        await turns(5)
        worker.poll()
        await until(lambda: worker.fatal)
        assert isinstance(worker.fatal[0], StateError)
        await worker.revoke()
        await worker.lanes.close(checkpoint=True)
        successor = FakeWorker(kafka, await worker.kill(), checkpoint_s=1.0)
        await successor.open()
        await settle(successor)
        await successor.stop()
        check(kafka)

    simulated(scenario)


def test_a_lane_fails_during_its_own_revocation() -> None:
    """The revocation ends, and the partition works again when it comes back."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
        await worker.open()
        worker.broker.commit_gate.clear()
        worker.poll()
        await turns(5)
        revoked = asyncio.create_task(worker.revoke())
        await asyncio.sleep(1)
        some_ticks(kafka)
        worker.producer.failing[FEATURES] = produce_error()
        worker.poll()
        await asyncio.sleep(1.5)
        worker.broker.commit_gate.set()
        await revoked
        worker.poll()
        await asyncio.sleep(5)
        kafka.generation += 1
        worker.assign()
        await settle(worker)
        await worker.stop()
        check(kafka)

    simulated(scenario)


def test_a_zombie_does_not_begin_again() -> None:
    """After a refused commit, polls that are still queued belong to nobody here: its rows may be behind by now."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        await worker.open()
        kafka.generation += 1
        worker.poll()
        await asyncio.sleep(2)
        written = len(kafka.log(FEATURES))
        jobs = len(worker.jobs)
        some_ticks(kafka)
        worker.poll()
        await asyncio.sleep(2)
        assert len(worker.jobs) == jobs
        assert len(kafka.log(FEATURES)) == written
        assert not any(len(lane._inbox) for lane in worker.lanes), "what nobody will process piles up"
        await worker.revoke()
        worker.assign()
        await settle(worker)
        await worker.stop()
        check(kafka)

    simulated(scenario)


def test_stopped_in_the_middle_of_a_revocation() -> None:
    """SIGTERM during a rebalance: both ask for the last checkpoint, and both end."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        for wait in range(30):
            worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
            await worker.open()
            worker.poll()
            revoked = asyncio.create_task(worker.revoke())
            await turns(wait)
            await asyncio.gather(revoked, worker.stop())
            assert list(worker.lanes) == []
            assert kafka.committed[INPUT][0] == 10
        check(kafka)

    simulated(scenario)


def test_revoked_while_the_broker_is_silent() -> None:
    """A bounded time, and nothing of the lane is left behind."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
        await worker.open()
        worker.producer.held |= {FEATURES, REJECTED}
        worker.poll()
        began = asyncio.get_running_loop().time()
        await worker.revoke()
        assert asyncio.get_running_loop().time() - began <= CHECKPOINT_DEADLINE_S + DROP_DEADLINE_S + 0.1
        assert list(worker.lanes) == []
        assert worker.broker.commits == []
        await worker.stop()

    simulated(scenario)


def test_revoked_while_the_agent_waits_for_a_lane_that_never_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker does not answer the lane's first question, and too much is queued: the agent goes on."""
    monkeypatch.setattr("agents.inbox.MAX_WAITING", 5)

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka, 40)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        worker.broker.dead = True
        worker.assign()
        for _ in range(4):
            worker.poll(count=10)
        await asyncio.sleep(1)
        assert worker.queued > 0
        await worker.revoke()
        worker.broker.position[INPUT] = 0
        worker.poll()
        await until(lambda: worker.queued == 0)
        await worker.stop()

    simulated(scenario)


def test_revoked_while_it_opens() -> None:
    """No answer to the lane's first question yet: it goes without a trace."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        for wait in range(12):
            worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
            worker.assign()
            worker.poll()
            await turns(wait)
            await worker.revoke()
            assert list(worker.lanes) == []
            await worker.stop()
        assert kafka.committed == {}

    simulated(scenario)


def test_a_partition_whose_only_poll_was_dropped_is_read() -> None:
    """faust 0.15.3 drops polls at a start; on a partition where nothing follows, nobody would notice the gap."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        worker.assign()
        worker.poll("drop")
        for _ in range(10):
            worker.poll()
            await asyncio.sleep(1)
        assert worker.broker.commits == [10]
        await worker.stop()

    simulated(scenario)


def test_both_loops_of_a_lane_fail_at_once() -> None:
    """Every exception is somebody's: asyncio has nothing to complain about (`run` of virtual_time sees to it)."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        await worker.open()
        worker.producer.held.add(FEATURES)
        worker.poll()
        await asyncio.sleep(1.5)
        worker.producer.failing[FEATURES] = produce_error()
        worker.producer.release(FEATURES)
        await settle(worker)
        await worker.stop()
        check(kafka)

    simulated(scenario)


def test_a_checkpoint_fails_while_the_lane_fails_at_something_else() -> None:
    """The commit is refused while a gap is being looked into, and then the partition is not ours to seek in."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka, 40)
        for wait in range(12):
            worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
            kafka.committed.clear()
            await worker.open()
            worker.broker.commit_gate.clear()
            worker.broker.commit_errors.append((produce_error(), False))
            worker.poll(count=10)
            await asyncio.sleep(2)
            worker.broker.assigned.clear()
            worker.poll("drop", 10)
            worker.poll(count=10)
            await turns(wait)
            worker.broker.commit_gate.set()
            await asyncio.sleep(5)
            await worker.stop()

    simulated(scenario)


async def _finish(worker: FakeWorker) -> None:
    """More work for a new worker with the same disk, and the comparison."""
    await worker.stop()
    some_ticks(worker.kafka)
    successor = FakeWorker(worker.kafka, worker.store, checkpoint_s=1.0)
    await successor.open()
    await settle(successor)
    await successor.stop()
    check(worker.kafka)


async def _with_a_failing_lane(kafka: FakeKafka) -> FakeWorker:
    """A worker whose lane has just failed and is dropped: its restart is due in less than a second."""
    some_ticks(kafka)
    worker = FakeWorker(kafka, LocalStore(), checkpoint_s=0.1)
    await worker.open()
    worker.producer.failing[FEATURES] = produce_error()
    worker.poll()
    await until(lambda: worker.restarts)
    await turns(20)
    return worker
