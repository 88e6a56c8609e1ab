"""A topic of the test's own on a real Kafka, and clients for it."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local import Endpoints
from streams.kafka.admin import topic_ids

MakeTopic = Callable[..., Awaitable[str]]
ReadAll = Callable[[str], Awaitable[list[ConsumerRecord]]]


@pytest.fixture
async def admin(services: Endpoints) -> AsyncIterator[AIOKafkaAdminClient]:
    """A connected admin client."""
    client = AIOKafkaAdminClient(bootstrap_servers=services.bootstrap_servers)
    await client.start()
    yield client
    await client.close()


@pytest.fixture
async def make_topic(admin: AIOKafkaAdminClient, topic_prefix: str) -> MakeTopic:
    """Creates a topic of one partition with some config, `make_topic("name", **config)`; returns its full name."""

    async def make(name: str, **config: str) -> str:
        answer = await admin.create_topics([NewTopic(f"{topic_prefix}{name}", 1, 1, topic_configs=config)])
        assert [code for _, code, *_ in answer.topic_errors] == [0], answer
        while not await topic_ids(admin, [f"{topic_prefix}{name}"]):
            pass  # the broker's answers lag behind its deed
        return f"{topic_prefix}{name}"

    return make


@pytest.fixture
async def producer(services: Endpoints) -> AsyncIterator[AIOKafkaProducer]:
    """An idempotent producer with small batches."""
    client = AIOKafkaProducer(
        bootstrap_servers=services.bootstrap_servers, acks="all", enable_idempotence=True, max_batch_size=16_384
    )
    await client.start()
    yield client
    await client.stop()


@pytest.fixture
async def read_all(services: Endpoints) -> AsyncIterator[ReadAll]:
    """Reads every record that partition 0 of a topic holds now."""
    consumer = AIOKafkaConsumer(bootstrap_servers=services.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()

    async def read(topic: str) -> list[ConsumerRecord]:
        tp = TopicPartition(topic, 0)
        consumer.assign([tp])
        await consumer.seek_to_beginning(tp)
        end = (await consumer.end_offsets([tp]))[tp]
        found: list[ConsumerRecord] = []
        while await consumer.position(tp) < end:
            for records in (await consumer.getmany(tp, timeout_ms=500)).values():
                found += records
        return found

    yield read
    await consumer.stop()
