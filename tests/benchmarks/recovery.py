"""How long a worker takes to recover its state from the changelog, cold (no local store) and warm:

    python -m tests.benchmarks.recovery [--records 1000000] [--symbols 50000] [--row-bytes 1000]

Starts its own Kafka and Redis, fills the changelog with rows of so many symbols in turn (as checkpoints leave them,
before the log cleaner has met them), and starts a worker twice: with an empty data folder, and again after SIGTERM.
"Joined" is the assignment of the partitions, "ready" when they are recovered; both as the worker's log says them.
"""

import argparse
import asyncio
import os
import re
import tempfile
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import numpy as np
from aiokafka import AIOKafkaProducer

from deploy.local import Endpoints
from streams.feature_set import FeatureSet
from streams.feeds.partitions import partition_of
from streams.kafka.topics import STATE_TABLE
from tables.indicator_state import HEADER, Row, encode_row
from tests.e2e.world import World, tail_of
from tests.services import running_services

BATCH_BYTES = 512 * 1024
JOINED = "Executing _on_partitions_assigned"
READY = "Worker ready"
TIME = re.compile(r"^\[(\d+-\d+-\d+ \d+:\d+:\d+,\d+)\]")


async def fill(world: World, *, records: int, symbols: int, row_bytes: int) -> None:
    """Write rows of every symbol in turn, each newer than the one before, to the changelog."""
    changelog = f"{world.prefix}app-{world.prefix}{STATE_TABLE}-changelog"
    layout = FeatureSet.load("default").layout_hash
    # Floats that do not compress, a different stretch of them in each row.
    pool = np.random.default_rng(1).normal(100.0, 1.0, 1_000_000)
    width = (row_bytes - HEADER.size) // 8
    keys = [f"S{number:05}".encode() for number in range(symbols)]
    places = [partition_of(key, world.partitions) for key in keys]
    producer = AIOKafkaProducer(bootstrap_servers=world.services.bootstrap_servers, max_batch_size=BATCH_BYTES)
    async with producer:
        building = {partition: producer.create_batch() for partition in range(world.partitions)}

        async def send(partition: int) -> None:
            batch, building[partition] = building[partition], producer.create_batch()
            batch.close()
            await (await producer.send_batch(batch, changelog, partition=partition))

        for number in range(records):
            symbol = number % symbols
            start = (number * 7) % (len(pool) - width)
            value = encode_row(Row(layout, number, number, pool[start : start + width]))
            partition = places[symbol]
            if building[partition].append(key=keys[symbol], value=value, timestamp=None) is None:
                await send(partition)
                building[partition].append(key=keys[symbol], value=value, timestamp=None)
        for partition, batch in list(building.items()):
            if batch.record_count():
                await send(partition)


def moment(log: Path, text: str) -> float:
    """When the line with this text was logged, in seconds since the epoch."""
    for line in log.read_text(errors="replace").splitlines():
        found = TIME.match(line)
        if found and text in line:
            return datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S,%f").timestamp()  # noqa: DTZ007 - differences only
    raise AssertionError(f"no {text!r} in {log}:\n{tail_of(log)}")


async def measure(services: Endpoints, folder: Path, *, records: int, symbols: int, row_bytes: int) -> None:
    """Fill, start cold, start warm; prints a line each."""
    world = World(services, f"r{uuid4().hex[:6]}-", folder)
    world.create_topics()
    await fill(world, records=records, symbols=symbols, row_bytes=row_bytes)
    print(f"{records:,} changelog records of {row_bytes:,} bytes, {symbols:,} symbols", flush=True)
    try:
        for case in ("cold", "warm"):
            worker = world.start_worker()
            await worker.ready()
            took = moment(worker.log, READY) - moment(worker.log, JOINED)
            print(
                f"{case}: ready {took:.1f} s after joining, peak memory {peak_mib(worker.process.pid)} MiB", flush=True
            )
            assert worker.stop() == 0, tail_of(worker.log)
    finally:
        world.close()


def peak_mib(pid: int) -> int:
    """Most memory that the process ever had resident."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(text.partition("VmHWM:")[2].split()[0]) // 1024


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--symbols", type=int, default=50_000)
    parser.add_argument("--row-bytes", type=int, default=1_000)
    options = vars(parser.parse_args())
    with tempfile.TemporaryDirectory() as folder, running_services(os.environ, Path(folder)) as services:
        asyncio.run(measure(services, Path(folder), **options))


if __name__ == "__main__":
    main()
