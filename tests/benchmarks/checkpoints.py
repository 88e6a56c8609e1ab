"""The checkpoint interval: what it costs in changelog and latency, and what it saves after a kill.

    python -m tests.benchmarks.checkpoints [--rate 1000] [--seconds 8] [--kills 3]

Starts its own Kafka and Redis, and for each interval (0: after every batch, 100 ms, 1 s) one worker. Under an open-loop
load it measures the latency of features and what the changelog took, and then kills the worker (-9) under the same
load, at moments spread over the interval: repeated work is the ticks whose feature was in the log already but
that were not committed. Takes less than three minutes.
"""

import argparse
import asyncio
import os
import signal
import tempfile
from functools import partial
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import numpy as np

from deploy.local import Endpoints
from streams.columns import F64
from tests.benchmarks.latency import measure
from tests.e2e.world import World, until
from tests.faults import collect
from tests.faults.checker import source_of
from tests.services import running_services

INTERVALS_MS = (0, 100, 1_000)
KILLED_AFTER_S = 2.0
"""Seconds of load before a kill."""
AFTER_KILL_S = 1.0
"""What was on its way to the broker has arrived by then."""
WARM_SHARE = 0.4
"""Of `--seconds`: load that warms everything up and is not measured."""


class Result(NamedTuple):
    """One interval."""

    interval_ms: int
    latencies_ms: F64
    changelog_bytes_s: float
    changelog_rows_s: float
    repeated: list[int]
    """Ticks folded again after each kill."""


async def run(
    services: Endpoints, folder: Path, interval_ms: int, *, rate: float, seconds: float, kills: int
) -> Result:
    """Measure one interval."""
    world = World(
        services,
        f"c{uuid4().hex[:6]}-",
        folder,
        # The worker that comes back is the member that it was: nobody waits for the end of a session.
        settings={"HAYATE_CHECKPOINT_MS": str(interval_ms), "HAYATE_INSTANCE_ID": "auto"},
    )
    world.create_topics()
    name = str(interval_ms)
    try:
        worker = world.start_worker(name)
        await worker.ready()
        await measure(world, rate=rate, symbols=200, seconds=WARM_SHARE * seconds)
        before = await _changelog(world)
        latencies = await measure(world, rate=rate, symbols=200, seconds=seconds)
        after = await _changelog(world)
        loaded_s = seconds + 2.0  # `measure` leaves its first two seconds out of the latencies
        repeated = []
        for number in range(kills):
            feed = world.feed("simulate", "--symbols", "200", "--rate", str(rate))
            enough = worker.metric("hayate_features_total") + KILLED_AFTER_S * rate
            await until(partial(worker.has_more, "hayate_features_total", enough), "features flow", worker)
            # Moments that are spread over the interval, wherever it began.
            await asyncio.sleep(interval_ms / 1000 * number / kills)
            worker.stop(signal.SIGKILL)
            feed.terminate()
            await asyncio.to_thread(feed.wait)
            await asyncio.sleep(AFTER_KILL_S)
            repeated.append(await _uncommitted(world))
            worker = world.start_worker(name)
            await worker.ready()
        worker.stop()
    finally:
        world.close()
    return Result(
        interval_ms,
        latencies,
        (after[0] - before[0]) / loaded_s,
        (after[1] - before[1]) / loaded_s,
        repeated,
    )


async def _changelog(world: World) -> tuple[int, int]:
    """Bytes of keys and values, and rows."""
    topic = f"{world.prefix}app-{world.prefix}indicator-state-changelog"
    rows = await collect.read_topic(world.services.bootstrap_servers, topic, world.partitions)
    return sum(len(row.key or b"") + len(row.value or b"") for row in rows), len(rows)


async def _uncommitted(world: World) -> int:
    """Ticks that have a feature and are not committed."""
    servers = world.services.bootstrap_servers
    features = collect.entries(await collect.read_topic(servers, f"{world.prefix}features", world.partitions))
    async with collect.admin(servers) as client:
        committed = await client.list_consumer_group_offsets(f"{world.prefix}app")
    offsets = {tp.partition: at.offset for tp, at in committed.items() if tp.topic == f"{world.prefix}ticks"}
    return sum(source_of(feature) >= offsets.get(feature.partition, 0) for feature in features)


def line(result: Result, rate: float) -> str:
    """One row of the table."""
    p50, p99 = np.percentile(result.latencies_ms, (50, 99))
    repeated = ", ".join(map(str, result.repeated))
    return (
        f"{result.interval_ms:>6} ms: changelog {result.changelog_bytes_s / 1024:>7.0f} KiB/s, "
        f"{result.changelog_rows_s / rate:.2f} rows a tick; latency p50={p50:.2f} p99={p99:.2f} ms; "
        f"ticks repeated after a kill: {repeated}"
    )


async def compare(services: Endpoints, folder: Path, *, rate: float, seconds: float, kills: int) -> None:
    """Each interval in turn."""
    for interval_ms in INTERVALS_MS:
        result = await run(services, folder, interval_ms, rate=rate, seconds=seconds, kills=kills)
        print(line(result, rate), flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--kills", type=int, default=3)
    options = vars(parser.parse_args())
    with tempfile.TemporaryDirectory() as folder, running_services(os.environ, Path(folder)) as services:
        asyncio.run(compare(services, Path(folder), **options))


if __name__ == "__main__":
    main()
