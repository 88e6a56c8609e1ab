"""When a consumer fetches, on a real broker: some partitions are asked for seldom, nothing of them is missed and nobody
waits for them; and there may be a rest between two fetches."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from deploy.local import Endpoints
from streams.kafka.turns import Turns
from tests.streams.kafka.conftest import MakeTopic

EVERY_S = 0.3


class Asked(NamedTuple):
    """A fetch was made between these two times: on a busy machine any wait may come after them."""

    after: float
    before: float
    topics: set[str]


def apart(asked: list[Asked], least_s: float) -> bool:
    """Whether no two fetches can be closer."""
    return all(later.before - one.after >= least_s for one, later in pairwise(asked))


class Bench:
    """A consumer of two topics, the second of them seldom, and what it asks the broker for."""

    def __init__(self, consumer: AIOKafkaConsumer, often: str, seldom: str, *, rest_s: float = 0.0) -> None:
        self.consumer = consumer
        self.often, self.seldom = TopicPartition(often, 0), TopicPartition(seldom, 0)
        self.turns = Turns(EVERY_S, rest_s=rest_s)
        self.turns.attach(consumer)
        self.turns.seldom.add(self.seldom)
        self.asked: list[Asked] = []
        fetcher, now_s = consumer._fetcher, asyncio.get_running_loop().time
        plan = fetcher._get_actions_per_node

        def watched(assignment: Any) -> Any:
            before = now_s()
            requests, *rest = plan(assignment)
            for _, request in requests:
                self.asked.append(Asked(before, now_s(), {topic for topic, _ in request.topics}))
            return requests, *rest

        fetcher._get_actions_per_node = watched

    async def read(self, count: int) -> dict[TopicPartition, list[bytes]]:
        """So many records, by partition."""
        found: dict[TopicPartition, list[bytes]] = {self.often: [], self.seldom: []}
        while sum(map(len, found.values())) < count:
            for tp, records in (await self.consumer.getmany(timeout_ms=1000)).items():
                found[tp] += [record.value for record in records]
        return found


@pytest.fixture
async def bench(services: Endpoints, make_topic: MakeTopic) -> AsyncIterator[Bench]:
    """Started."""
    often, seldom = await make_topic("often"), await make_topic("seldom")
    consumer = AIOKafkaConsumer(bootstrap_servers=services.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    made = Bench(consumer, often, seldom)
    consumer.assign([made.often, made.seldom])
    yield made
    await consumer.stop()


async def test_it_is_asked_for_no_more_often_and_misses_nothing(bench: Bench, producer: AIOKafkaProducer) -> None:
    reading = asyncio.create_task(bench.read(400))
    for number in range(200):
        for tp in (bench.often, bench.seldom):
            await producer.send_and_wait(tp.topic, b"%d" % number, partition=0)
    found = await reading
    values = [b"%d" % number for number in range(200)]
    assert (found[bench.often], found[bench.seldom]) == (values, values)
    asked = [one for one in bench.asked if bench.seldom.topic in one.topics]
    assert apart(asked, EVERY_S)
    assert len(bench.asked) > 2 * len(asked), "the other one is asked for all the time"


async def test_it_comes_in_its_turn_where_nothing_else_may_be_asked_for(
    bench: Bench, producer: AIOKafkaProducer
) -> None:
    bench.consumer.pause(bench.often)
    for number in range(3):
        await producer.send_and_wait(bench.seldom.topic, b"%d" % number, partition=0)
        assert (await bench.read(1))[bench.seldom] == [b"%d" % number]


async def test_no_longer_seldom_it_is_asked_for_with_every_fetch(bench: Bench, producer: AIOKafkaProducer) -> None:
    await producer.send_and_wait(bench.often.topic, b"first", partition=0)
    await bench.read(1)
    bench.turns.seldom.clear()
    for number in range(20):
        await producer.send_and_wait(bench.seldom.topic, b"%d" % number, partition=0)
        assert (await bench.read(1))[bench.seldom] == [b"%d" % number]
    assert len([one for one in bench.asked if bench.seldom.topic in one.topics]) >= 20


@pytest.mark.parametrize("seldom", [False, True])
async def test_a_rest_between_two_fetches_gathers_records(
    services: Endpoints, make_topic: MakeTopic, producer: AIOKafkaProducer, seldom: bool
) -> None:
    rest_s = 0.05
    consumer = AIOKafkaConsumer(bootstrap_servers=services.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    bench = Bench(consumer, await make_topic("one"), await make_topic("other"), rest_s=rest_s)
    if not seldom:
        bench.turns.seldom.clear()
    consumer.assign([bench.often, bench.seldom])
    try:
        reading = asyncio.create_task(bench.read(100))
        for number in range(100):
            await producer.send_and_wait(bench.often.topic, b"%d" % number, partition=0)
        assert (await reading)[bench.often] == [b"%d" % number for number in range(100)]
    finally:
        await consumer.stop()
    assert apart(bench.asked, rest_s)
