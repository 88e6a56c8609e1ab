"""From the sample through the producer into a real Kafka and back."""

from collections import defaultdict
from itertools import islice
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.partitioner import DefaultPartitioner

from deploy.local import Endpoints
from streams.errors import TopicError
from streams.feeds import sample
from streams.feeds.files import TickFile
from streams.feeds.producer import Compression, TickProducer
from streams.feeds.run import replay, run_simulation
from streams.feeds.simulator import simulate
from streams.kafka_url import bootstrap_servers
from streams.records import Tick

PARTITIONS = 5


@pytest.fixture
async def topic(services: Endpoints, topic_prefix: str) -> str:
    name = f"{topic_prefix}ticks"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers(services.kafka_url))
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, PARTITIONS, 1)])
    finally:
        await admin.close()
    return name


async def read_back(services: Endpoints, topic: str) -> dict[int, list[Any]]:
    """Everything in the topic, by partition, in log order."""
    places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers(services.kafka_url), auto_offset_reset="earliest")
    found: dict[int, list[Any]] = defaultdict(list)
    await consumer.start()
    try:
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        await consumer.seek_to_beginning()
        while any([await consumer.position(place) < ends[place] for place in places]):
            for place, records in (await consumer.getmany(timeout_ms=1000)).items():
                found[place.partition] += records
    finally:
        await consumer.stop()
    return found


async def test_sample_ticks_at_full_speed(services: Endpoints, topic: str) -> None:
    async with TickProducer(services.kafka_url, topic) as producer:
        assert producer.partitions == PARTITIONS
        report = await replay([sample.PATH], producer, speed=None, limit=5000)
    assert (report.read, report.sent, report.acknowledged) == (5000, 5000, 5000)
    found = await read_back(services, topic)
    (place,) = found
    assert place == DefaultPartitioner()(b"ES", list(range(PARTITIONS)), [])
    records = found[place]
    assert {record.key for record in records} == {b"ES"}
    decoded = [msgspec.json.decode(record.value, type=Tick) for record in records]
    assert decoded == list(islice(TickFile(sample.PATH), 5000))
    assert b"null" not in records[0].value
    sent = [int(dict(record.headers)["sent_ns"]) for record in records]
    assert sent == sorted(sent)
    assert all(abs(record.timestamp - at // 1_000_000) <= 0 for record, at in zip(records, sent, strict=True))


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd", "gzip"])
async def test_every_symbol_keeps_its_order_on_its_own_partition(
    services: Endpoints, topic: str, compression: Compression
) -> None:
    async with TickProducer(services.kafka_url, topic, compression=compression, max_in_flight=500) as producer:
        report = await run_simulation(producer, symbols=40, rate=1e6, seed=5, count=5000, start_ns=1)
    assert report.acknowledged == 5000
    found = await read_back(services, topic)
    assert sum(map(len, found.values())) == 5000
    by_symbol: dict[str, list[Tick]] = defaultdict(list)
    for partition, records in found.items():
        for record in records:
            assert partition == DefaultPartitioner()(record.key, list(range(PARTITIONS)), [])
            tick = msgspec.json.decode(record.value, type=Tick)
            assert record.key == tick.symbol.encode()
            by_symbol[tick.symbol].append(tick)
    expected: dict[str, list[Tick]] = defaultdict(list)
    for tick in islice(simulate(40, 1e6, seed=5, start_ns=1), 5000):
        expected[tick.symbol].append(tick)
    assert by_symbol == expected


async def test_a_topic_that_does_not_exist_is_refused_and_not_created(services: Endpoints, topic_prefix: str) -> None:
    name = f"{topic_prefix}absent"
    for _ in range(2):
        with pytest.raises(TopicError, match=f"'{name}' does not exist"):
            await TickProducer(services.kafka_url, name).start()
