"""Rows that an earlier version wrote: refused, converted by the command, and gone on with bit for bit."""

import asyncio
from collections.abc import Callable

import msgspec
import numpy as np
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from streams.feature_set import FeatureSet
from streams.kafka.checkpoint import decode_checkpoint
from streams.kafka.groups import Group
from streams.kafka.log_reader import LogReader
from streams.kafka.topics import changelog_name
from streams.layout import COMMON, EARLIER_COMMON
from streams.settings import Settings
from tables.indicator_state import Row, decode_row, encode_row
from tables.migrations import earlier_versions
from tables.state_log import read_partition
from tests.e2e.world import DEADLINE_S, World

PARTITIONS = 2
TICKS = 2_000
SYMBOLS = 3


async def test_rows_of_an_earlier_layout_go_on_bit_for_bit(make_world: Callable[..., World]) -> None:
    world = make_world(partitions=PARTITIONS)
    worker = world.start_worker()
    await worker.ready()
    await feed(world, seed=1)
    await world.read("features", TICKS, worker=worker)
    assert worker.stop() == 0
    assert await age(world) == SYMBOLS

    refused = world.start_worker()
    assert await asyncio.to_thread(refused.process.wait, DEADLINE_S) != 0
    assert "state migrate" in refused.log.read_text()

    done = await asyncio.to_thread(world.faust, "state", "migrate", "default")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{SYMBOLS} rows converted:")
    assert "these start warming: none" in done.stdout
    worker = world.start_worker()
    await worker.ready()
    await feed(world, seed=2)
    await world.read("features", 2 * TICKS, worker=worker)
    assert await world.check(worker) == 2 * TICKS
    assert worker.stop() == 0


async def feed(world: World, seed: int) -> None:
    """So many ticks."""
    running = world.feed(
        "simulate", "--symbols", str(SYMBOLS), "--count", str(TICKS), "--rate", "2000", "--seed", str(seed)
    )
    assert await asyncio.to_thread(running.wait, DEADLINE_S) == 0


async def age(world: World) -> int:
    """Make rows and commits those of layout 2; returns how many rows."""
    settings = Settings(
        kafka_url=world.services.kafka_url,
        topic_prefix=world.prefix,
        app_id=f"{world.prefix}app",
        partitions=PARTITIONS,
    )
    new = FeatureSet.load("default")
    old = next(found for found in earlier_versions(new) if found.row_layout == 2 and found.options.trade_s is None)
    topic, count = changelog_name(settings), 0
    log = LogReader(world.services.bootstrap_servers)
    await log.start()
    async with world.producer() as producer:
        for partition in range(PARTITIONS):
            read = await read_partition(log, topic, partition, wanted=lambda _: True, on_progress=lambda *_: None)
            for key, value in read.values.items():
                row = decode_row(value, symbol=key.decode(), layout=new.layout_hash, width=new.width)
                state = np.concatenate((row.state[: EARLIER_COMMON[2]], row.state[COMMON:]))
                aged = encode_row(Row(old.layout_hash, row.offset, row.ts_ns, state))
                await producer.send_and_wait(topic, aged, key=key, partition=partition)
                count += 1
    await log.stop()
    admin = AIOKafkaAdminClient(bootstrap_servers=world.services.bootstrap_servers)
    await admin.start()
    group = Group(admin, settings.group)
    aged_commits: dict[TopicPartition, OffsetAndMetadata] = {}
    for tp, found in (await group.commits()).items():
        checkpoint = decode_checkpoint(found.metadata, str(tp))
        if checkpoint is not None and tp.topic == settings.topic("ticks"):
            checkpoint = msgspec.structs.replace(checkpoint, layout=f"{old.layout_hash:016x}")
            aged_commits[tp] = OffsetAndMetadata(found.offset, checkpoint.encode())
    await group.commit(aged_commits)
    await admin.close()
    return count
