"""The contestants do the job that they are timed at: a record of each tick, from a real broker."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from deploy.local import Endpoints
from streams.engine import RealTimeFeatureEngine
from streams.feature_set import FeatureSet
from streams.records import Tick
from tables.indicator_state import HEADER
from tests.benchmarks import load
from tests.benchmarks.peers.contestant import Contestant, Job
from tests.benchmarks.peers.kafka_streams import Unavailable, contestants
from tests.benchmarks.progress_of import pace_of
from tests.benchmarks.throughput import RECORD_BYTES, module
from tests.e2e.world import World, tail_of
from tests.faults.collect import read_topic

PARTITIONS = 2
TICKS = 400
SET = "classics"


@pytest.fixture(scope="module")
def lines() -> list[load.Line]:
    return load.market(ticks=TICKS, symbols=5, partitions=PARTITIONS)


@asynccontextmanager
async def at_work(
    contestant: Contestant, services: Endpoints, prefix: str, folder: Path, lines: list[load.Line]
) -> AsyncIterator[Job]:
    """A contestant that has filled its target."""
    loaded = FeatureSet.load(SET)
    job = Job(
        servers=services.bootstrap_servers,
        source=f"{prefix}source",
        target=f"{prefix}target",
        group=f"{prefix}group",
        partitions=PARTITIONS,
        feature_set=SET,
        values=len(loaded.outputs),
        state_bytes=HEADER.size + 8 * loaded.width,
        record_bytes=RECORD_BYTES[SET],
        folder=str(folder),
    )
    await load.create(job.servers, job.source, job.target, partitions=PARTITIONS)
    await load.write(job.servers, job.source, lines)
    process = contestant.start(job)
    try:
        await until_filled(job, lambda: tail_of(folder / "contestant.log"), process)
        yield job
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)


async def until_filled(job: Job, said: Callable[[], str], process: "subprocess.Popen[bytes]") -> None:
    # So few records cannot be timed, and all that is asked here is that they come.
    try:
        await pace_of(
            [process],
            job.servers,
            job.target,
            partitions=PARTITIONS,
            records=TICKS,
            limit_s=60.0,
            said=said,
        )
    except RuntimeError as error:
        if "nothing to measure" not in str(error):
            raise


async def test_plain_faust_gives_the_same_numbers(
    services: Endpoints, topic_prefix: str, tmp_path: Path, lines: list[load.Line]
) -> None:
    async with at_work(module("plain_faust"), services, topic_prefix, tmp_path, lines) as job:
        written = await read_topic(job.servers, job.target, PARTITIONS)
    assert len(written) == TICKS
    decode = msgspec.json.Decoder(Tick).decode
    engine = RealTimeFeatureEngine(FeatureSet.load(SET))
    for partition, line in enumerate(lines):
        expected = engine.run([decode(value) for _, value in line], symbols=[key for key, _ in line]).values.tolist()
        found = [msgspec.json.decode(record.value) for record in written if record.partition == partition]
        assert [list(record["values"].values()) for record in found] == [
            [None if number != number else number for number in row]  # noqa: PLR0124 - NaN
            for row in expected
        ]


async def test_the_bare_loop_writes_a_record_of_each_tick_of_the_right_size(
    services: Endpoints, topic_prefix: str, tmp_path: Path, lines: list[load.Line]
) -> None:
    async with at_work(module("bare"), services, topic_prefix, tmp_path, lines) as job:
        written = await read_topic(job.servers, job.target, PARTITIONS)
    assert [record.key for record in written if record.partition == 0] == [key for key, _ in lines[0]]
    assert sum(len(record.value) for record in written) / TICKS == pytest.approx(RECORD_BYTES[SET], rel=0.05)


async def test_kafka_streams_writes_as_many_values(
    services: Endpoints, topic_prefix: str, tmp_path: Path, lines: list[load.Line]
) -> None:
    try:
        cached, _ = contestants(tmp_path)
    except Unavailable as why:
        pytest.skip(str(why))
    async with at_work(cached, services, topic_prefix, tmp_path, lines) as job:
        written = await read_topic(job.servers, job.target, PARTITIONS)
    assert len(written) == TICKS
    assert {len(msgspec.json.decode(record.value)["values"]) for record in written} == {14}


async def test_the_worker_without_its_ensemble_is_the_worker(
    services: Endpoints, topic_prefix: str, tmp_path: Path, lines: list[load.Line]
) -> None:
    world = World(services, topic_prefix, tmp_path, PARTITIONS, {"HAYATE_FEATURE_SET": SET})
    world.create_topics()
    await load.write(services.bootstrap_servers, f"{topic_prefix}ticks", lines)
    worker = world.start_worker(command=("faust", "-A", "tests.benchmarks.peers.features_only", "worker", "-l", "warn"))
    try:
        assert len(await world.read("features", TICKS, worker=worker)) == TICKS
        assert await read_topic(services.bootstrap_servers, f"{topic_prefix}signals", PARTITIONS) == []
    finally:
        world.close()
