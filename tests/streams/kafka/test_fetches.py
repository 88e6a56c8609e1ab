"""Fetched records that nobody wants are freed at once, without the garbage collector."""

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.consumer import fetcher
from aiokafka.structs import TopicPartition

from deploy.local import Endpoints
from streams.kafka.fetches import guard_fetches
from tests.e2e.world import until
from tests.streams.kafka.conftest import MakeTopic

RECORDS = 10


@pytest.fixture(autouse=True)
def no_collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a worker, where it counts to a million; and whatever the guard changes is put back."""
    monkeypatch.setattr(fetcher, "FetchResult", fetcher.FetchResult)
    gc.disable()
    yield
    gc.enable()


def pause(consumer: AIOKafkaConsumer, tp: TopicPartition) -> None:
    """As a lane does that has enough."""
    consumer.pause(tp)


def seek(consumer: AIOKafkaConsumer, tp: TopicPartition) -> None:
    """As a lane does that starts again."""
    consumer.seek(tp, 0)


def move_on(consumer: AIOKafkaConsumer, tp: TopicPartition) -> None:
    """As a lane does that was told of its records by whoever wrote them."""
    consumer._subscription.subscription.assignment.state_value(tp).consumed_to(RECORDS)


@pytest.mark.parametrize("taken", [0, 3], ids=["unread", "half read"])
@pytest.mark.parametrize("leave", [pause, seek, move_on])
async def test_what_nobody_wants_is_freed(
    services: Endpoints,
    make_topic: MakeTopic,
    producer: AIOKafkaProducer,
    leave: Callable[[AIOKafkaConsumer, TopicPartition], None],
    taken: int,
) -> None:
    """Whichever way the consumer comes to drop it."""
    guard_fetches()
    tp = TopicPartition(await make_topic("t"), 0)
    batch = producer.create_batch()
    for n in range(RECORDS):
        batch.append(key=None, value=b"%d" % n, timestamp=None)
    await (await producer.send_batch(batch, tp.topic, partition=0))
    async with AIOKafkaConsumer(bootstrap_servers=services.bootstrap_servers) as consumer:
        consumer.assign([tp])
        consumer.seek(tp, 0)
        fetched: Any = consumer._fetcher._records
        await until(lambda: tp in fetched, "an answer is there")
        records = weakref.ref(fetched[tp]._partition_records)
        for _ in range(taken):
            await consumer.getone(tp)
        leave(consumer, tp)
        await consumer.getmany(tp)
        assert records() is None


async def test_every_record_comes(services: Endpoints, make_topic: MakeTopic, producer: AIOKafkaProducer) -> None:
    """In pieces that end within an answer, too."""
    guard_fetches()
    tp = TopicPartition(await make_topic("t"), 0)
    for n in range(RECORDS):
        await producer.send_and_wait(tp.topic, b"%d" % n, partition=0)
    async with AIOKafkaConsumer(bootstrap_servers=services.bootstrap_servers) as consumer:
        consumer.assign([tp])
        consumer.seek(tp, 0)
        found: list[int] = []
        while len(found) < RECORDS:
            for polled in (await consumer.getmany(timeout_ms=1000, max_records=3)).values():
                found += [int(record.value) for record in polled]
        assert found == list(range(RECORDS))
