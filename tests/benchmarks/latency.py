"""Latency of the full path beside a bare aiokafka loop, open loop, in one run:

    python -m tests.benchmarks.latency [--rate 1000] [--seconds 6] [--rounds 7]

Starts its own Kafka and Redis, one worker with every guarantee on, and in turn with it a bare loop that consumes a
tick and produces a record of a feature record's size, computing nothing. Ticks are sent when they are due, whatever
became of the ones before; latency counts from just before the send to the receipt of the feature, in the same process.
"""

import argparse
import asyncio
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from deploy.local import Endpoints
from streams.columns import F64
from streams.feeds.producer import TickProducer
from streams.feeds.run import run_simulation
from streams.headers import header, integer
from streams.records import SENT_NS
from tests.e2e.world import World
from tests.services import running_services

RECORD_BYTES = 2_700
"""Size of a feature record of the default set."""
SETTLE_S = 2.0
"""Left out at the start of each case: connections, first fetches."""


async def bare_loop(servers: str, source: str, target: str, partitions: int) -> None:
    """The limit: consume, produce a record of the same size to the same partition number, nothing else."""
    payload = b"x" * RECORD_BYTES
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, fetch_max_wait_ms=100)
    consumer.assign([TopicPartition(source, partition) for partition in range(partitions)])
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True)
    async with consumer, producer:
        while True:
            for tp, records in (await consumer.getmany(timeout_ms=1000)).items():
                for record in records:
                    await producer.send(
                        target, payload, key=record.key, partition=tp.partition, headers=list(record.headers)
                    )


def run_bare_loop(*arguments: Any) -> None:
    """Entry of the bare loop's process."""
    asyncio.run(bare_loop(*arguments))


async def measure(world: World, *, rate: float, symbols: int, seconds: float) -> F64:
    """Latencies in ms from the producer's clock before the send of a tick to the receipt of what became of it."""
    source, target = f"{world.prefix}ticks", f"{world.prefix}features"
    latencies: list[float] = []
    consumer = AIOKafkaConsumer(bootstrap_servers=world.services.bootstrap_servers, fetch_max_wait_ms=100)
    tps = [TopicPartition(target, partition) for partition in range(world.partitions)]
    consumer.assign(tps)
    async with consumer:
        await consumer.seek_to_end(*tps)
        begin = time.time_ns() + int(SETTLE_S * 1e9)

        async def receive() -> None:
            while True:
                polled = await consumer.getmany(timeout_ms=1000)
                now = time.time_ns()
                for records in polled.values():
                    for record in records:
                        sent = integer(header(record.headers, SENT_NS))
                        if sent >= begin:
                            latencies.append((now - sent) / 1e6)

        receiving = asyncio.create_task(receive())
        async with TickProducer(world.services.kafka_url, source) as producer:
            report = await run_simulation(producer, symbols=symbols, rate=rate, seed=1, seconds=seconds + SETTLE_S)
        await asyncio.sleep(1.0)
        receiving.cancel()
    print(f"  {report}", file=sys.stderr)
    return np.array(latencies)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def compare(
    services: Endpoints, folder: Path, *, rate: float, symbols: int, seconds: float, rounds: int, warmup: float
) -> None:
    """Worker and bare loop in turn; prints each round and the medians."""
    world = World(services, f"b{uuid4().hex[:6]}-", folder)
    world.create_topics()
    bare = World(services, f"b{uuid4().hex[:6]}-", folder)
    bare.create_topics()
    # The bare loop's process starts with nothing of ours loaded but what it needs.
    loop = multiprocessing.get_context("spawn").Process(
        target=run_bare_loop,
        args=(services.bootstrap_servers, f"{bare.prefix}ticks", f"{bare.prefix}features", bare.partitions),
        daemon=True,
    )
    worker = world.start_worker()
    try:
        await worker.ready()
        loop.start()
        print(f"warming up the broker for {2 * warmup:g} s", flush=True)
        for place in (world, bare):
            await measure(place, rate=rate, symbols=symbols, seconds=warmup)
        results: dict[str, list[F64]] = {"worker": [], "bare": []}
        for number in range(rounds):
            for name, place in (("worker", world), ("bare", bare)):
                used = cpu_seconds(worker.process.pid)
                found = await measure(place, rate=rate, symbols=symbols, seconds=seconds)
                used = cpu_seconds(worker.process.pid) - used
                results[name].append(found)
                cpu = f", worker {100 * used / (seconds + SETTLE_S):.0f}% of a core" if name == "worker" else ""
                print(f"round {number + 1} {name:6} {summary(found)}{cpu}", flush=True)
    finally:
        world.close()
        loop.kill()
    for name, each in results.items():
        print(f"median of {rounds} rounds, {name:6} p50={_median(each, 50):.2f} p99={_median(each, 99):.2f} ms")
    ratios = {q: [_at(w, q) / _at(b, q) for w, b in zip(*results.values(), strict=True)] for q in (50, 99)}
    for q, each_round in ratios.items():
        spread = f"({min(each_round):.2f} to {max(each_round):.2f})"
        print(f"worker/bare p{q}, median of the rounds: {np.median(each_round):.2f} {spread}")


def summary(latencies: F64) -> str:
    """Count and percentiles of one case."""
    p50, p90, p99, p999 = np.percentile(latencies, (50, 90, 99, 99.9))
    return f"n={len(latencies)} p50={p50:.2f} p90={p90:.2f} p99={p99:.2f} p99.9={p999:.2f} ms"


def _at(latencies: F64, percentile: int) -> float:
    return float(np.percentile(latencies, percentile))


def _median(rounds: list[F64], percentile: int) -> float:
    return float(np.median([_at(found, percentile) for found in rounds]))


def main(run: Callable[..., Any] = asyncio.run) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--symbols", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--warmup", type=float, default=20.0, help="seconds of unmeasured load on each")
    options = vars(parser.parse_args())
    with tempfile.TemporaryDirectory() as folder, running_services(os.environ, Path(folder)) as services:
        run(compare(services, Path(folder), **options))


if __name__ == "__main__":
    main()
