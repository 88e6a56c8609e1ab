"""A market that is written into a topic before anybody reads it: every contestant meets the same records."""

import asyncio
import time
from collections.abc import Sequence
from itertools import islice

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from streams.feeds.partitions import SymbolPartitions
from streams.feeds.simulator import simulate
from streams.feeds.wire import encode_tick
from streams.records import SENT_NS

BATCH_BYTES = 512 * 1024
UNDERWAY = 4
"""Batches of a partition that wait for their acknowledgement."""

Line = list[tuple[bytes, bytes]]
"""Key and value of each record of a partition."""


def market(*, ticks: int, symbols: int, partitions: int, seed: int = 1) -> list[Line]:
    """The records of each partition, of a simulated market of 1,000 ticks a second that ends about now."""
    places = SymbolPartitions(partitions)
    lines: list[Line] = [[] for _ in range(partitions)]
    start_ns = time.time_ns() - ticks * 1_000_000
    for tick in islice(simulate(symbols, 1_000.0, seed=seed, start_ns=start_ns), ticks):
        key, partition = places[tick.symbol]
        lines[partition].append((key, encode_tick(tick)))
    return lines


async def create(servers: str, *topics: str, partitions: int) -> None:
    """Make topics that the broker stamps."""
    client = AIOKafkaAdminClient(bootstrap_servers=servers)
    await client.start()
    try:
        config = {"message.timestamp.type": "LogAppendTime"}
        made = await client.create_topics([NewTopic(name, partitions, 1, topic_configs=config) for name in topics])
        for name, code, *_ in made.topic_errors:
            if code:
                raise RuntimeError(f"topic {name}: {for_code(code).__name__}")
        while not set(topics) <= set(await client.list_topics()):  # noqa: ASYNC110 - Kafka sends no word of it
            await asyncio.sleep(0.05)
    finally:
        await client.close()


async def remove(servers: str, prefix: str) -> None:
    """Delete every topic whose name begins so: what a run leaves would fill the disk."""
    client = AIOKafkaAdminClient(bootstrap_servers=servers)
    await client.start()
    try:
        names = [name for name in await client.list_topics() if name.startswith(prefix)]
        if names:
            await client.delete_topics(names)
    finally:
        await client.close()


async def write(servers: str, topic: str, lines: Sequence[Line]) -> int:
    """Write the records, those of each partition in order; returns how many."""
    producer = AIOKafkaProducer(
        bootstrap_servers=servers,
        acks="all",
        enable_idempotence=True,
        max_batch_size=BATCH_BYTES,
        max_request_size=8 * 1024 * 1024,
    )
    async with producer:
        await asyncio.gather(*(_write_line(producer, topic, number, line) for number, line in enumerate(lines)))
    return sum(map(len, lines))


async def _write_line(producer: AIOKafkaProducer, topic: str, partition: int, line: Line) -> None:
    underway: list[asyncio.Future[object]] = []
    headers = [(SENT_NS, b"%d" % time.time_ns())]
    at = 0
    while at < len(line):
        batch = producer.create_batch()
        while at < len(line):
            key, value = line[at]
            if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                break
            at += 1
        batch.close()
        underway.append(await producer.send_batch(batch, topic, partition=partition))
        if len(underway) > UNDERWAY:
            await underway.pop(0)
    await asyncio.gather(*underway)
