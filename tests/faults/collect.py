"""Everything that a run left behind, read with plain clients."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import rocksdict
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition
from redis import Redis

from tests.faults.evidence import Entry

OFFSET_KEY = b"__faust\0offset__"
"""Where Faust's store keeps the changelog's offset, beside the rows."""


async def read_topic(servers: str, topic: str, partitions: int) -> list[ConsumerRecord]:
    """Every record that the topic holds now, in order within each partition."""
    tps = [TopicPartition(topic, partition) for partition in range(partitions)]
    records: list[ConsumerRecord] = []
    async with AIOKafkaConsumer(bootstrap_servers=servers, fetch_max_wait_ms=50) as consumer:
        ends = await consumer.end_offsets(tps)
        begins = await consumer.beginning_offsets(tps)
        wanted = [tp for tp in tps if ends[tp] > begins[tp]]
        consumer.assign(wanted)
        for tp in wanted:
            consumer.seek(tp, begins[tp])
        while wanted:
            for batch in (await consumer.getmany(*wanted, timeout_ms=500)).values():
                records += batch
            wanted = [tp for tp in wanted if await consumer.position(tp) < ends[tp]]
    return [record for record in records if record.offset < ends[TopicPartition(topic, record.partition)]]


def entries(records: list[ConsumerRecord]) -> list[Entry]:
    """Records as the checker takes them."""
    return [Entry(r.partition, r.offset, r.key, r.value, r.headers, r.timestamp) for r in records]


@asynccontextmanager
async def admin(servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """A connected admin client."""
    client = AIOKafkaAdminClient(bootstrap_servers=servers)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def lags(
    client: AIOKafkaAdminClient, servers: str, group: str, topics: list[str], partitions: int
) -> dict[Any, int]:
    """Records behind the group's committed offset, of each partition that has some."""
    committed = await client.list_consumer_group_offsets(group)
    tps = [TopicPartition(topic, partition) for topic in topics for partition in range(partitions)]
    async with AIOKafkaConsumer(bootstrap_servers=servers) as consumer:
        ends = await consumer.end_offsets(tps)
    behind = {tp: ends[tp] - (committed[tp].offset if tp in committed else 0) for tp in tps}
    return {tp: lag for tp, lag in behind.items() if lag > 0}


def latest(redis_url: str) -> dict[str, dict[str, str]]:
    """Symbol -> its `latest` hash."""
    with Redis.from_url(redis_url, decode_responses=True) as client:
        names = list(client.scan_iter("feature:*:latest", count=1000))
        pipe = client.pipeline(transaction=False)
        for name in names:
            pipe.hgetall(name)
        return {name.split(":")[1]: found for name, found in zip(names, pipe.execute(), strict=True)}


def local_rows(data_dir: Path) -> dict[tuple[int, str], bytes]:
    """(partition, symbol) -> row of a worker's local store; the worker must have ended."""
    rows: dict[tuple[int, str], bytes] = {}
    for folder in sorted(data_dir.glob("v1/tables/*.db")):
        if not (folder / "CURRENT").exists():
            continue  # its worker was killed while it made the database
        partition = int(folder.stem.rsplit("-", 1)[1])
        options = rocksdict.Options(raw_mode=True)
        database = rocksdict.Rdict(str(folder), options, access_type=rocksdict.AccessType.read_only())
        try:
            for key, value in database.items():
                assert isinstance(key, bytes), "the store is raw"
                if key != OFFSET_KEY:
                    rows[partition, key.decode()] = value
        finally:
            database.close()
    return rows


async def until(condition: Callable[[], Any], what: str, deadline_s: float = 60.0, every_s: float = 0.1) -> None:
    """Await what nothing announces.

    Raises:
        AssertionError: it did not come about in time.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + deadline_s
    while not await condition():
        assert loop.time() < deadline, f"not within {deadline_s:g} s: {what}"
        await asyncio.sleep(every_s)
