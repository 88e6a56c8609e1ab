"""One lane at a time: the order in which work becomes durable, at every step of a batch's life."""

import asyncio

import msgspec
import pytest
from aiokafka.errors import CommitFailedError
from aiokafka.structs import TopicPartition

from streams.errors import RetryError, StateError
from streams.kafka.checkpoint import Checkpoint
from tests.agents.fake_job import CHANGELOG, FEATURES, REJECTED, TICKS, LocalStore
from tests.agents.fake_kafka import FakeKafka, produce_error
from tests.agents.fake_worker import INPUT, FakeWorker, check, outputs, settle, simulated, some_ticks, turns, until
from tests.agents.virtual_time import run


@pytest.mark.parametrize("checkpoint_s", [0.0, 60.0])
@pytest.mark.parametrize("written", [0, 1, 9])
def test_killed_at_every_step(written: int, checkpoint_s: float) -> None:
    """A batch's life, cut off after each turn of the event loop: the next worker makes it whole."""
    committed_at_last: set[int] = set()

    async def scenario(kafka: FakeKafka, steps: int) -> bool:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=checkpoint_s)
        await worker.open()
        worker.poll(count=3)
        worker.poll(count=3)
        worker.poll()
        if checkpoint_s:
            await turns(3)
            revoked = asyncio.create_task(worker.revoke())
        await turns(steps)
        over = len(worker.store.rows) == 2 and worker.store.persisted == len(kafka.log(CHANGELOG)) - 1
        over = over and kafka.committed.get(INPUT, (0, ""))[0] == 10 and (not checkpoint_s or revoked.done())
        successor = FakeWorker(kafka, await worker.kill(written), checkpoint_s=checkpoint_s and 0.5)
        successor.assign()
        committed_at_last.add(kafka.committed.get(INPUT, (0, ""))[0])
        await settle(successor)
        await successor.stop()
        check(kafka)
        return over

    steps = 0
    while not run(scenario(FakeKafka(), steps)):
        steps += 1
    assert steps > 15, "so few steps cannot be the whole life of a batch"
    assert {0, 10} <= committed_at_last


def test_durability_has_one_order() -> None:
    """Outputs are acknowledged before rows are sent, rows before the commit, and the local store comes last."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        await worker.open()
        worker.producer.held |= {FEATURES, REJECTED, CHANGELOG}
        worker.poll()
        await asyncio.sleep(5)
        assert kafka.log(FEATURES) == []
        worker.producer.release(FEATURES)
        await asyncio.sleep(5)
        assert kafka.log(CHANGELOG) == []
        assert not worker.producer.waits(CHANGELOG), "rows left before the rejects were acknowledged"
        worker.producer.release(REJECTED)
        await asyncio.sleep(5)
        assert worker.producer.waits(CHANGELOG)
        assert worker.broker.commits == []
        worker.broker.commit_gate.clear()
        worker.producer.release(CHANGELOG)
        await asyncio.sleep(5)
        assert len(kafka.log(CHANGELOG)) == 2
        assert worker.broker.commits == []
        assert worker.store.rows == {}
        worker.broker.commit_gate.set()
        await until(lambda: worker.store.rows)
        assert worker.broker.commits == [10]
        assert worker.store.persisted == 1
        await worker.stop()
        check(kafka)

    simulated(scenario)


def test_a_refused_commit_leaves_the_store_alone() -> None:
    """A zombie: its rows never reach the local store, and it writes nothing more."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        await worker.open()
        worker.poll()
        await asyncio.sleep(0.5)
        kafka.generation += 1
        await asyncio.sleep(5)
        assert worker.store.rows == {}
        assert worker.broker.commits == []
        assert all(lane.dropped for lane in worker.lanes)
        assert worker.restarts == 0
        await worker.stop()

    simulated(scenario)


def test_a_commit_without_answer_is_repeated() -> None:
    """Whether the broker has it or not, the checkpoint ends with it committed, and the lane goes on."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        await worker.open()
        worker.broker.commit_errors.extend([(TimeoutError(), True), (TimeoutError(), False)])
        worker.poll()
        await until(lambda: worker.store.rows)
        assert worker.broker.commits == [10, 10]
        assert worker.restarts == 0
        await worker.stop()
        check(kafka)

    simulated(scenario)


def test_the_commit_says_where_the_outputs_ended() -> None:
    """The next lane reads each output from there on; the input that was acted on is in it too."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        await worker.open()
        worker.poll()
        await until(lambda: worker.store.rows)
        offset, metadata = kafka.committed[INPUT]
        assert offset == 10
        assert msgspec.json.decode(metadata, type=Checkpoint) == Checkpoint(ends={FEATURES: 8, REJECTED: 2}, seen=9)
        await worker.stop()

    simulated(scenario)


def test_outputs_name_their_source_and_the_one_before() -> None:
    """Headers `src` and `prev`: a break of the chain shows a hole."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka, 4)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        await worker.open()
        worker.poll()
        await settle(worker)
        some_ticks(kafka, 1)
        await worker.stop()
        again = FakeWorker(kafka, worker.store, checkpoint_s=1.0)
        await again.open()
        await settle(again)
        await again.stop()
        chain = [dict(record.headers) for record in kafka.log(FEATURES)]
        assert [(head["prev"], head["src"]) for head in chain] == [
            (b"-1", b"0"),
            (b"0", b"2"),
            (b"2", b"3"),
            (b"3", b"4"),
        ]

    simulated(scenario)


def test_a_failed_produce_starts_the_lane_again() -> None:
    """The lane is made anew from its rows, and nothing is missing or twice."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        await worker.open()
        worker.producer.failing[FEATURES] = produce_error()
        worker.poll()
        await until(lambda: worker.restarts == 1)
        await settle(worker)
        await worker.stop()
        check(kafka)

    simulated(scenario)


def test_a_gap_of_the_log_is_accepted() -> None:
    """Retention took records that nobody had read: the lane goes on behind them."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        kafka.begin[TopicPartition(TICKS, 0)] = 4
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        worker.assign()
        await settle(worker)
        await worker.stop()
        sources = [source for source, _, _ in outputs(kafka)[FEATURES]]
        assert sources == [5, 6, 7, 8, 9]

    simulated(scenario)


def test_a_dropped_poll_is_read_again() -> None:
    """A gap that the log does not have: read again from where the last batch ended."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka, 30)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        await worker.open()
        worker.poll(count=5)
        await asyncio.sleep(0.1)
        worker.poll("drop", 5)
        worker.poll("twice", 5)
        worker.poll("old", 5)
        await settle(worker)
        await worker.stop()
        check(kafka)

    simulated(scenario)


def test_a_log_made_anew_is_refused_by_name() -> None:
    """A committed offset beyond the end: state and log do not belong together, and the message says what to do."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        kafka.committed[INPUT] = (11, "")
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        worker.assign()
        worker.broker.position[INPUT] = 0
        worker.poll()
        await until(lambda: worker.fatal)
        assert isinstance(worker.fatal[0], StateError)
        assert "faust -A app state reset" in str(worker.fatal[0])
        await worker.lanes.close(checkpoint=False)

    simulated(scenario)


def test_an_output_made_anew_is_refused_by_name() -> None:
    """The last checkpoint left an output further than it reaches now."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        metadata = msgspec.json.encode(Checkpoint(ends={FEATURES: 7})).decode()
        kafka.committed[INPUT] = (5, metadata)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        worker.assign()
        worker.poll()
        await until(lambda: worker.fatal)
        assert isinstance(worker.fatal[0], StateError)
        assert "faust -A app state reset" in str(worker.fatal[0])
        await worker.lanes.close(checkpoint=False)

    simulated(scenario)


def test_checkpoint_after_drop_does_nothing() -> None:
    """Neither a commit nor a row leaves a lane that was dropped."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
        await worker.open()
        worker.poll()
        await asyncio.sleep(1)
        lane = next(iter(worker.lanes))
        await lane.drop()
        await lane.checkpoint()
        assert worker.broker.commits == []
        assert kafka.log(CHANGELOG) == []
        await worker.lanes.close(checkpoint=True)

    simulated(scenario)


def test_dropped_while_the_commit_is_on_its_way() -> None:
    """The rows do not reach a store that may be another generation's by now."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
        await worker.open()
        worker.poll()
        await asyncio.sleep(1)
        lane = next(iter(worker.lanes))
        worker.broker.commit_gate.clear()
        checkpoint = asyncio.create_task(lane.checkpoint())
        await asyncio.sleep(1)
        await lane.drop()
        worker.broker.commit_gate.set()
        with pytest.raises(RetryError, match="dropped"):
            await checkpoint
        assert worker.store.rows == {}
        await worker.lanes.close(checkpoint=False)

    simulated(scenario)


def test_backpressure_holds_the_agent_and_lets_it_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too much queued: `offer` waits, and goes on when there is room, or when the lane is dropped."""
    monkeypatch.setattr("agents.inbox.MAX_WAITING", 10)
    monkeypatch.setattr("agents.outputs.MAX_UNACKNOWLEDGED", 4)

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka, 60)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=1.0)
        await worker.open()
        worker.producer.held.add(FEATURES)
        for _ in range(12):
            worker.poll(count=5)
        await asyncio.sleep(3)
        assert worker.queued > 0, "the agent takes everything although nothing gets away"
        worker.producer.release(FEATURES)
        await until(lambda: worker.queued == 0)
        await settle(worker)
        check(kafka)
        some_ticks(kafka, 60)
        worker.producer.held.add(FEATURES)
        for _ in range(12):
            worker.poll(count=5)
        await asyncio.sleep(3)
        assert worker.queued > 0
        await asyncio.gather(worker.revoke(), asyncio.sleep(5))
        worker.producer.release(FEATURES)
        kafka.generation += 1
        worker.assign()
        await settle(worker)
        await worker.stop()

    simulated(scenario)


def test_the_zombie_of_a_commit_sees_commit_failed() -> None:
    """`checkpoint` raises what the broker said, for whoever asked for it."""

    async def scenario(kafka: FakeKafka) -> None:
        some_ticks(kafka)
        worker = FakeWorker(kafka, LocalStore(), checkpoint_s=60.0)
        await worker.open()
        worker.poll()
        await asyncio.sleep(1)
        kafka.generation += 1
        with pytest.raises(CommitFailedError):
            await next(iter(worker.lanes)).checkpoint()
        assert worker.store.rows == {}
        await worker.lanes.close(checkpoint=False)

    simulated(scenario)
