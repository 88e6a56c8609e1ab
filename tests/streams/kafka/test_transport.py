"""The guarded transport: Faust's own classes, around a real consumer."""

import asyncio
import logging
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import ConnectionGroup
from aiokafka.errors import (
    CommitFailedError,
    ConsumerStoppedError,
    IllegalStateError,
    NotCoordinatorForGroupError,
    TopicAuthorizationFailedError,
)
from aiokafka.protocol.group import LeaveGroupRequest
from aiokafka.structs import TopicPartition
from faust.exceptions import NotReady
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from deploy.local import Endpoints
from streams.kafka.batching import Batch
from streams.kafka.consumer_thread import ConsumerThread
from streams.kafka.outage_log import Thinned
from streams.kafka.producer import Producer
from streams.kafka.transport import Consumer, _ReadOffsets, transport_for
from tests.streams.kafka.conftest import MakeTopic

BATCHED = "batched"
OTHER = "other"


def unstarted(kafka_url: str, batched: frozenset[str] = frozenset({BATCHED})) -> driver.Transport:
    """The transport of an app that is never started."""
    app = faust.App("unstarted", broker=kafka_url, autodiscover=False, producer_acks=-1)
    return transport_for(batched)(app.conf.broker_consumer, app)


def consumer_of(transport: driver.Transport, delivered: list[Any] | None = None) -> Consumer:
    """Its consumer, which appends what it delivers."""

    async def deliver(message: Any) -> None:
        assert delivered is not None
        delivered.append(message)

    async def rebalanced(_: set[TP]) -> None:
        raise AssertionError("no group is joined through Faust here")

    made = transport.create_consumer(deliver, on_partitions_revoked=rebalanced, on_partitions_assigned=rebalanced)
    assert isinstance(made, Consumer)
    return made


class Joined:
    """A consumer as Faust runs it, joined to a group."""

    def __init__(self, services: Endpoints, topic: str) -> None:
        self.tp = TP(topic, 0)
        self.consumer = consumer_of(unstarted(services.kafka_url, frozenset({topic})))
        self.client: Any = AIOKafkaConsumer(
            topic,
            bootstrap_servers=services.bootstrap_servers,
            group_id=f"{topic}-group",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=10,
        )
        self.consumer._thread._consumer = self.client

    async def start(self) -> None:
        await self.client.start()
        while not self.client.assignment():
            await self.client.getmany(timeout_ms=50)

    async def poll(self, max_records: int = 100) -> dict[TP, Any]:
        """Poll until something comes."""
        while True:
            polled: dict[TP, Any] = await self.consumer._thread._fetch_records(
                self.client, {self.tp}, timeout=0.2, max_records=max_records
            )
            if polled:
                return polled


@pytest.fixture
async def joined(services: Endpoints, make_topic: MakeTopic, producer: AIOKafkaProducer) -> AsyncIterator[Joined]:
    """Joined to a topic that holds ten records, `0` to `9`."""
    topic = await make_topic("in")
    for value in range(10):
        await producer.send_and_wait(topic, b"%d" % value, partition=0)
    made = Joined(services, topic)
    await made.start()
    yield made
    await made.client.stop()


def test_read_offsets_are_unknown_for_batched_topics_only() -> None:
    offsets = _ReadOffsets(frozenset({BATCHED}))
    assert (offsets[TP(BATCHED, 0)], offsets[TP(OTHER, 0)]) == (None, None)
    offsets[TP(BATCHED, 0)] = offsets[TP(OTHER, 0)] = 7
    assert (offsets[TP(BATCHED, 0)], offsets[TP(OTHER, 0)], offsets[TP(OTHER, 1)]) == (None, 7, None)
    del offsets[TP(OTHER, 0)]
    assert offsets[TP(OTHER, 0)] is None


async def test_each_transport_has_batched_topics_of_its_own() -> None:
    first, second = (unstarted("kafka://127.0.0.1:1", frozenset({name})) for name in ("a", "b"))
    consumer = consumer_of(first)
    assert (consumer.batched_topics, consumer_of(second).batched_topics) == (frozenset("a"), frozenset("b"))
    assert Consumer.batched_topics == frozenset()
    assert isinstance(consumer._read_offset, _ReadOffsets)
    assert isinstance(consumer._thread, ConsumerThread)
    assert driver.Transport.Consumer is driver.Consumer, "Faust's own is left as it is"


async def test_the_broker_may_hold_a_fetch_for_a_tenth_of_a_second_only() -> None:
    transport = unstarted("kafka://127.0.0.1:1")
    client = consumer_of(transport)._thread._create_worker_consumer(transport)
    assert client._fetch_max_wait_ms == 100


async def test_the_clients_of_a_worker_are_guarded() -> None:
    """streams/kafka/client.py says against what; and aiokafka's loggers are thinned out."""
    transport = unstarted("kafka://127.0.0.1:1")
    consumer = consumer_of(transport)._thread._create_worker_consumer(transport)
    producer: Any = transport.create_producer()
    for client in (consumer._client, producer._new_producer().client):
        assert {"send", "_get_conn", "bootstrap"} <= vars(client).keys()
    assert "stop" in vars(consumer)
    assert any(isinstance(found, Thinned) for found in logging.getLogger("aiokafka").filters)


async def test_polls_of_batched_topics_are_batches(joined: Joined) -> None:
    polled = await joined.poll()
    ((tp, batch),) = polled.items()
    assert tp == joined.tp
    assert isinstance(tp, TP)
    assert isinstance(batch, Batch)
    assert (batch.tp, batch.epoch) == (joined.tp, 0)
    assert batch.records[0].value == b"0"


async def test_polls_of_other_topics_stay_lists_and_empty_ones_are_left_out(
    joined: Joined, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fetched(*_: Any) -> Any:
        return {
            TopicPartition(OTHER, 1): ["record"],
            TopicPartition(OTHER, 2): [],
            TopicPartition(joined.tp.topic, 3): [],
        }

    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "_fetch_records", fetched)
    assert await joined.poll() == {TP(OTHER, 1): ["record"]}


async def test_reading_again_gives_later_polls_another_epoch(joined: Joined) -> None:
    await joined.poll()
    for epoch, offset in ((1, 2), (2, 7), (3, 0)):
        assert await joined.consumer.reread(joined.tp, offset) == epoch
        batch = (await joined.poll(max_records=2))[joined.tp]
        assert (batch.epoch, [record.offset for record in batch.records]) == (epoch, [offset, offset + 1])


async def test_what_was_told_is_not_read(joined: Joined, producer: AIOKafkaProducer) -> None:
    read = 0
    while read < 10:
        read += len((await joined.poll())[joined.tp].records)
    joined.client.pause(TopicPartition(*joined.tp))
    for value in range(10, 14):
        await producer.send_and_wait(joined.tp.topic, b"%d" % value, partition=0)
    joined.consumer.told(joined.tp, 12)
    joined.consumer.told(joined.tp, 11)
    joined.consumer.told(TP("not assigned", 0), 3)
    joined.client.resume(TopicPartition(*joined.tp))
    batch = (await joined.poll())[joined.tp]
    assert batch.records[0].offset == 12
    assert await joined.consumer.reread(joined.tp, 3) == 1
    assert (await joined.poll())[joined.tp].records[0].offset == 3


async def test_faust_seeks_without_a_new_epoch(joined: Joined) -> None:
    await joined.poll()
    await joined.consumer._seek(joined.tp, 5)
    batch = (await joined.poll())[joined.tp]
    assert (batch.epoch, batch.records[0].offset) == (0, 5)


async def test_commits_carry_metadata_and_are_read_from_the_broker(joined: Joined) -> None:
    consumer = joined.consumer
    assert await consumer.committed_with_metadata(joined.tp, 10) is None
    for offset, metadata in ((0, ""), (4, '{"ends":{"é":3}}'), (2, "back")):
        await consumer.commit_with_metadata({joined.tp: (offset, metadata)}, 10)
        assert await consumer.committed_with_metadata(joined.tp, 10) == (offset, metadata)


async def test_progress_is_what_the_broker_says(joined: Joined, producer: AIOKafkaProducer) -> None:
    """Not what was fetched: nobody has polled, and the end is known; without a commit it is 0."""
    assert await joined.consumer.progress([joined.tp]) == {joined.tp: (0, 10)}
    await joined.consumer.commit_with_metadata({joined.tp: (4, "mine")}, 10)
    await producer.send_and_wait(joined.tp.topic, b"more", partition=0)
    assert await joined.consumer.progress([joined.tp]) == {joined.tp: (4, 11)}
    assert await joined.consumer.progress([]) == {}


async def test_the_commit_of_an_old_generation_is_refused(joined: Joined) -> None:
    await joined.consumer.commit_with_metadata({joined.tp: (4, "mine")}, 10)
    coordinator = joined.client._coordinator
    member = coordinator.generation, coordinator.member_id
    coordinator.generation -= 1
    with pytest.raises(CommitFailedError):
        await joined.consumer.commit_with_metadata({joined.tp: (5, "stale")}, 10)
    # It joins again, and the group would wait for the member that it was.
    coordinator.generation, coordinator.member_id = member
    await coordinator._maybe_leave_group()
    assert await joined.consumer.committed_with_metadata(joined.tp, 10) == (4, "mine")


async def gone_from_the_group(joined: Joined) -> Any:
    """The coordinator of a member that the broker has forgotten, as the last one of its group, without its knowing."""
    coordinator = joined.client._coordinator
    await coordinator._stop_heartbeat_task()
    request = LeaveGroupRequest(coordinator.group_id, coordinator.member_id)
    await joined.client._client.send(coordinator.coordinator_id, request, group=ConnectionGroup.COORDINATION)
    coordinator.request_rejoin = lambda: None  # it stays as it is for as long as the test looks at it
    return coordinator


async def test_nobody_commits_who_is_no_member(joined: Joined) -> None:
    """Of a group without members a broker takes any commit that names no generation: as aiokafka's are, once one was
    refused."""
    await joined.consumer.commit_with_metadata({joined.tp: (4, "mine")}, 10)
    coordinator = await gone_from_the_group(joined)
    for offset in (5, 6):
        with pytest.raises(CommitFailedError):
            await joined.consumer.commit_with_metadata({joined.tp: (offset, "stale")}, 10)
    assert coordinator.generation < 0
    assert await joined.consumer._thread.committed([joined.tp]) == {joined.tp: (4, "mine")}
    await joined.client.commit({TopicPartition(*joined.tp): (3, "aiokafka's")})
    assert await joined.consumer._thread.committed([joined.tp]) == {joined.tp: (3, "aiokafka's")}


async def test_a_commit_that_is_tried_again_stays_in_its_generation(joined: Joined) -> None:
    """A coordinator that moves takes a while; the group may have moved on by then."""
    coordinator, tried = joined.client._coordinator, 0
    commit = coordinator._do_commit_offsets

    async def fail_once(*arguments: Any) -> None:
        nonlocal tried
        tried += 1
        if tried == 1:
            raise NotCoordinatorForGroupError
        await commit(*arguments)

    coordinator._do_commit_offsets = fail_once
    await joined.consumer.commit_with_metadata({joined.tp: (4, "mine")}, 10)
    assert tried == 2

    async def move_on(*_: Any) -> None:
        nonlocal tried
        tried += 1
        coordinator.generation += 1
        raise NotCoordinatorForGroupError

    coordinator._do_commit_offsets = move_on
    with pytest.raises(CommitFailedError):
        await joined.consumer.commit_with_metadata({joined.tp: (5, "late")}, 10)
    coordinator.generation -= 1
    assert tried == 3
    coordinator._do_commit_offsets = _raising(TopicAuthorizationFailedError())
    with pytest.raises(TopicAuthorizationFailedError):
        await joined.consumer.commit_with_metadata({joined.tp: (5, "forbidden")}, 10)


def _raising(error: Exception) -> Any:
    async def fail(*_: Any) -> None:
        raise error

    return fail


async def test_nobody_commits_what_is_not_assigned(joined: Joined) -> None:
    with pytest.raises(IllegalStateError, match="elsewhere"):
        await joined.consumer.commit_with_metadata({TP("elsewhere", 0): (4, "")}, 10)


async def test_who_may_have_lost_its_partitions_learns_no_offset(joined: Joined) -> None:
    """It would be another worker's, and fit none of the rows here; a member gets it once the group knows it again."""
    await joined.consumer.commit_with_metadata({joined.tp: (4, "mine")}, 10)
    coordinator = await gone_from_the_group(joined)
    with pytest.raises(TimeoutError):
        await joined.consumer.committed_with_metadata(joined.tp, 1.0)
    del coordinator.request_rejoin
    coordinator.request_rejoin()
    assert await joined.consumer.committed_with_metadata(joined.tp, 30) == (4, "mine")


async def test_questions_have_a_deadline_and_leave_nothing_running(
    joined: Joined, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up = []

    async def never(*_: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.append(1)

    monkeypatch.setattr(joined.client._coordinator, "_do_commit_offsets", never)
    monkeypatch.setattr(joined.client._coordinator, "fetch_committed_offsets", never)
    for question in (
        joined.consumer.commit_with_metadata({joined.tp: (1, "")}, 0.01),
        joined.consumer.committed_with_metadata(joined.tp, 0.01),
    ):
        with pytest.raises(TimeoutError):
            await question
    assert given_up == [1, 1]


async def test_what_faust_pauses_is_not_fetched(joined: Joined) -> None:
    here, gone = TopicPartition(*joined.tp), TP("not-assigned", 9)
    joined.consumer.pause_partitions(iter([joined.tp, gone]))
    assert joined.client.paused() == {here}
    assert joined.consumer._paused_partitions == {joined.tp, gone}
    joined.consumer.resume_partitions(iter([joined.tp, gone]))
    assert joined.client.paused() == set()
    assert joined.consumer._paused_partitions == set()


async def test_what_an_agent_has_enough_of_is_not_fetched(joined: Joined) -> None:
    here = {TopicPartition(*joined.tp)}
    joined.consumer.on_buffer_drop(joined.tp)
    joined.consumer.on_buffer_full(joined.tp)
    assert joined.client.paused() == here
    joined.consumer.on_buffer_drop(joined.tp)
    assert joined.client.paused() == set()
    joined.consumer.app.in_recovery = True
    joined.consumer.on_buffer_full(joined.tp)
    assert joined.client.paused() == set(), "Faust goes on while tables recover"
    joined.consumer.pause_partitions([joined.tp])
    joined.consumer.on_buffer_drop(joined.tp)
    assert joined.client.paused() == here, "a partition that was not full is not resumed"


async def test_the_consumer_runs_in_the_loop_of_everything_else_and_stops_alone(
    services: Endpoints, make_topic: MakeTopic, topic_prefix: str
) -> None:
    await make_topic("in")
    transport: Any = unstarted(services.kafka_url)
    transport.app.conf.id = f"{topic_prefix}group"
    thread: Any = consumer_of(transport)._thread
    bystander = asyncio.create_task(asyncio.Event().wait())
    await thread.start()
    try:
        assert thread._ensure_consumer()._loop is asyncio.get_running_loop()
        assert thread.thread_loop is thread.parent_loop is asyncio.get_running_loop()

        async def add(first: int, second: int) -> int:
            return first + second

        polls = [asyncio.create_task(thread.call_thread(asyncio.Event().wait)) for _ in range(3)]
        await asyncio.sleep(0)  # they are on their way first
        async with asyncio.timeout(10):
            assert await thread.call_thread(add, 1, second=2) == 3, (
                "calls wait for no other, as in Faust's queue of two"
            )
        for poll in polls:
            poll.cancel()
        assert await thread.call_thread(lambda: "not a coroutine") == "not a coroutine"
    finally:
        await thread.stop()
    assert thread._consumer._closed
    assert not bystander.done()
    bystander.cancel()


def message_at(topic: str, offset: int) -> Any:
    return SimpleNamespace(topic=topic, offset=offset)


async def drained(polls: list[Any], *, suspended: bool = False, stopping: bool = False) -> list[tuple[str, int]]:
    """What is delivered of these polls, to agents that take a while; an exception among them is raised by the poll,
    and the last ends it."""
    delivered: list[Any] = []
    consumer = consumer_of(unstarted("kafka://127.0.0.1:1"), delivered)
    deliver: Any = consumer.callback

    async def slowly(message: Any) -> None:
        for _ in range(10):
            await asyncio.sleep(0)
        await deliver(message)

    consumer.callback = slowly
    fetcher = faust.Service()
    if suspended:
        consumer.suspend_flow.set()
    if stopping:
        consumer.app._stopped.set()  # type: ignore[attr-defined]  # a Service's, which AppT does not say

    async def getmany(timeout: float) -> AsyncIterator[Any]:  # noqa: ASYNC109 - Faust's signature
        assert timeout == 1.0
        poll = polls.pop(0)
        if not polls:
            fetcher._stopped.set()
        if isinstance(poll, BaseException):
            raise poll
        for message in poll:
            yield TP(message.topic, 0), message

    consumer.getmany = getmany  # type: ignore[method-assign]  # the broker's part
    await consumer._drain_messages(fetcher)
    return [(message.topic, message.offset) for message in delivered]


async def test_batches_are_delivered_whatever_was_read_before() -> None:
    polls = [[message_at(BATCHED, 5), message_at(BATCHED, 3)], [], [message_at(BATCHED, 3)]]
    assert await drained(polls) == [(BATCHED, 5), (BATCHED, 3), (BATCHED, 3)]


async def test_a_batch_is_delivered_whole_also_while_the_flow_is_suspended() -> None:
    """Faust would drop it half way; a lane of an old generation knows what to do with it."""
    assert await drained([[message_at(BATCHED, 5)]], suspended=True) == [(BATCHED, 5)]
    assert await drained([[message_at(OTHER, 5)]], suspended=True) == []


async def test_other_records_are_delivered_from_the_read_offset_on() -> None:
    polls = [
        [message_at(OTHER, 5), message_at(OTHER, 3), message_at(OTHER, 5)],
        [message_at(OTHER, 4), message_at(OTHER, 9)],
    ]
    assert await drained(polls) == [(OTHER, 5), (OTHER, 5), (OTHER, 9)]


@pytest.mark.parametrize("error", [ConsumerStoppedError(), asyncio.CancelledError()], ids=repr)
async def test_the_end_of_the_consumer_ends_the_polls_when_the_app_stops(error: BaseException) -> None:
    assert await drained([[message_at(BATCHED, 1)], error, []], stopping=True) == [(BATCHED, 1)]
    with pytest.raises(type(error)):
        await drained([error, []])


async def test_producers_are_idempotent_and_their_batches_never_expire() -> None:
    producer = unstarted("kafka://127.0.0.1:1").create_producer()
    assert isinstance(producer, Producer)
    settings = producer._settings_extra()
    assert (settings["acks"], settings["enable_idempotence"]) == ("all", True)
    client = producer._new_producer()
    assert client._txn_manager is not None
    batch = client._message_accumulator._append_batch(
        client._message_accumulator.create_builder(), TopicPartition("t", 0)
    )
    batch._ctime = -1e18
    assert not batch.expired()
    for name in ("urgent", "later"):
        with pytest.raises(NotReady):
            getattr(producer, name)


async def test_two_producers_each_on_a_connection_of_its_own(services: Endpoints, make_topic: MakeTopic) -> None:
    topic = await make_topic("out")
    producer: Any = unstarted(services.kafka_url).create_producer()
    await producer.start()
    try:
        urgent, later = producer.urgent, producer.later
        assert urgent is not later
        assert urgent.client is not later.client
        for place, client in enumerate((urgent, later)):
            assert (await client.send_and_wait(topic, b"v", partition=0)).offset == place
    finally:
        await producer.stop()
    for client in (urgent, later):
        assert client._closed
