"""The audit over a real Kafka and Redis: a worker's features are as defined, and what was tampered with is found."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
from aiokafka import ConsumerRecord
from redis import Redis

from streams.feeds.partitions import partition_of
from streams.records import SOURCE
from tests.e2e.offline import Offline
from tests.e2e.world import DEADLINE_S, World, by_id

TICKS = 3_000
PARTITIONS = 2


async def feed(world: World, seed: int) -> None:
    running = world.feed("simulate", "--symbols", "3", "--rate", "1000", "--count", str(TICKS), "--seed", str(seed))
    assert await asyncio.to_thread(running.wait, DEADLINE_S) == 0


async def accepted(world: World) -> list[ConsumerRecord]:
    """The ticks, without the marks between them."""
    return [record for record in await world.read("ticks", TICKS) if record.key is not None]


async def test_what_a_worker_serves_is_as_defined_and_redis_tampered_with_is_found(
    make_world: Callable[..., World],
) -> None:
    world = make_world(partitions=PARTITIONS)
    worker = world.start_worker()
    await worker.ready()
    await feed(world, 1)
    await world.read("features", TICKS, worker=worker)
    whole = await asyncio.to_thread(world.faust, "audit", "--symbols", "SIM001,SIM002,SIM003", "--share", "1")
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert "everything is as defined" in whole.stdout
    assert f" {TICKS:,} records" in whole.stdout
    assert whole.stdout.count("the log's start") == 3

    assert worker.stop() == 0  # with a last checkpoint: the rows are at the last tick
    again = world.start_worker()
    await again.ready()
    await feed(world, 2)
    await world.read("features", 2 * TICKS, worker=again)
    ticks = sorted(await accepted(world), key=lambda record: record.timestamp)
    between = max(record.timestamp for record in ticks[:TICKS]) + 1
    since = datetime.fromtimestamp(between / 1000, UTC).isoformat()
    later = await asyncio.to_thread(world.faust, "audit", "--sample", "2", "--since", since, "--share", "1")
    assert later.returncode == 0, later.stdout + later.stderr
    assert later.stdout.count("the row at") == 2
    assert "everything is as defined" in later.stdout

    with Redis.from_url(world.services.redis_url, decode_responses=True) as redis:
        redis.hset("feature:SIM001:latest", "sma_5", "1.5")
    found = await asyncio.to_thread(world.faust, "audit", "--symbols", "SIM001", "--share", "1")
    assert found.returncode == 1
    assert "- store: SIM001: Redis has sma_5 = 1.5" in found.stdout
    alerts = by_id(await world.read("alerts", 1))
    # The worker writes there as well.
    said = [msgspec.json.decode(value) for value in alerts.values()]
    (alert,) = [each for each in said if each["kind"].startswith("audit-")]
    assert alert["kind"] == "audit-store"
    assert alert["symbol"] == "SIM001"
    assert alert["id"].endswith("|audit-store")
    assert alert["numbers"]["sma_5"]["served"] == 1.5
    assert again.stop() == 0


async def test_a_record_of_the_topic_that_was_tampered_with_is_found(make_world: Callable[..., World]) -> None:
    """Without a worker: the records are made offline and one value is changed on its way into the topic."""
    world = make_world(partitions=PARTITIONS)
    await feed(world, 3)
    ticks = await accepted(world)
    right = Offline(partitions=PARTITIONS).features(await world.read("ticks", TICKS))
    chosen = [record for record in ticks if record.key == b"SIM002"][150]
    async with world.producer() as producer:
        for record in sorted(ticks, key=lambda record: (record.partition, record.offset)):
            id_ = f"{record.topic}-{record.partition}-{record.offset}"
            value = right[id_]
            if record is chosen:
                changed = msgspec.json.decode(value)
                changed["values"]["ema_26"] *= 1 + 1e-9
                value = msgspec.json.encode(changed)
            await producer.send(
                f"{world.prefix}features",
                value,
                key=record.key,
                partition=partition_of(record.key, PARTITIONS),
                headers=[(SOURCE, str(record.offset).encode())],
            )
    done = await asyncio.to_thread(world.faust, "audit", "--sample", "8", "--no-redis", "--share", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "- definition: SIM002: ema_26 was " in done.stdout
    assert f"{chosen.topic}-{chosen.partition}-{chosen.offset}" in done.stdout
    assert "1 findings (definition)" in done.stderr
    silent = await asyncio.to_thread(world.faust, "audit", "--symbols", "SIM001,SIM003", "--no-redis", "--no-alerts")
    assert silent.returncode == 0, silent.stdout + silent.stderr
