"""Latency of the full path beside a bare aiokafka loop, open loop, in one run:

    python -m tests.benchmarks.latency [--rates 1000,10000] [--seconds 6] [--rounds 7] [--poll-ms 4]

Starts its own Kafka and Redis, one worker with every guarantee on, and in turn with it a bare loop that consumes a
tick and produces a record of a feature record's size, computing nothing. Ticks are sent when they are due, whatever
became of the ones before; latency counts from just before the send to the receipt of the feature or the signal, or
until the newest values in Redis are of that tick or a later one of its symbol, all in one process.
"""

import asyncio
import multiprocessing
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from streams.columns import F64
from streams.feeds.producer import TickProducer
from streams.feeds.run import run_simulation
from streams.headers import header, integer
from streams.records import SENT_NS
from tests.benchmarks import figures
from tests.benchmarks.arena import Ground, ground, parser
from tests.benchmarks.figures import OURS, Case
from tests.benchmarks.machine import cpu_seconds, pin
from tests.benchmarks.targets import BARE
from tests.benchmarks.watch import RedisWatch, TopicWatch
from tests.e2e.world import World

RECORD_BYTES = 2_630
"""Mean size of a feature record of the default set in the simulated market."""
SETTLE_S = 2.0
"""Left out at the start of each case: connections, first fetches."""
LOOKED_AT = 16
"""Symbols whose newest values are read in Redis: the busiest, with more than half of all ticks."""
FEATURE, REDIS, SIGNAL = (f"{OURS}, to {what}" for what in ("feature", "Redis", "signal"))


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


async def measure_all(
    world: World, *, rate: float, symbols: int, seconds: float, stores: bool = True
) -> dict[str, F64]:
    """The same to the feature, to the signal, and until Redis has it; `stores`: whether anybody writes to Redis (it is
    looked at all the same)."""
    servers, prefix = world.services.bootstrap_servers, world.prefix
    async with AsyncExitStack() as stack:
        features = await stack.enter_async_context(TopicWatch(servers, f"{prefix}features", world.partitions))
        signals = await stack.enter_async_context(TopicWatch(servers, f"{prefix}signals", world.partitions))
        busiest = [f"SIM{number:03}" for number in range(1, min(symbols, LOOKED_AT) + 1)]
        store = await stack.enter_async_context(RedisWatch(world.services.redis_url, busiest))
        begin = time.time_ns() + int(SETTLE_S * 1e9)
        async with TickProducer(world.services.kafka_url, f"{prefix}ticks") as producer:
            report = await run_simulation(producer, symbols=symbols, rate=rate, seed=1, seconds=seconds + SETTLE_S)
        await asyncio.sleep(1.0)
    print(f"  {report}", file=sys.stderr)
    return {
        FEATURE: features.latencies(begin),
        REDIS: store.latencies(features.seen, begin) if stores else np.empty(0),
        SIGNAL: signals.latencies(begin),
    }


def measure_case(rate: float) -> Case:
    """The empty table of one rate."""
    return Case(
        f"latency-{rate:g}",
        f"Latency at {rate:,.0f} ticks/s",
        "Open loop over 200 symbols, default set, every guarantee on; from the producer's clock just before the send. "
        "The bare loop consumes a tick and produces a record of the same size, computing and keeping nothing. Of the "
        "worker all three are taken at once. CPU is of one core.",
        {"p50_ms": "median ms", "p99_ms": "p99 ms", "p999_ms": "p99.9 ms", "cpu_share": "% of a core"},
        compared=["p50_ms", "p99_ms"],
        base=BARE,
    )


class Load(NamedTuple):
    """What is sent, and how often."""

    rates: list[float]
    symbols: int
    seconds: float
    rounds: int
    warmup: float
    poll_ms: int | None = None
    """The worker's HAYATE_POLL_MS, where it is not the default."""

    @property
    def settings(self) -> dict[str, str]:
        """Of the worker."""
        return {} if self.poll_ms is None else {"HAYATE_POLL_MS": str(self.poll_ms)}


async def compare(place: Ground, load: Load, json: Path | None) -> list[Case]:
    """Worker and bare loop in turn, at every rate; prints each round."""
    services, folder, cores, _ = place
    world, bare = (World(services, f"b{uuid4().hex[:6]}-", folder, settings=load.settings) for _ in range(2))
    for corner in (world, bare):
        corner.create_topics()
    # The bare loop's process starts with nothing of ours loaded but what it needs.
    loop = multiprocessing.get_context("spawn").Process(
        target=run_bare_loop,
        args=(services.bootstrap_servers, f"{bare.prefix}ticks", f"{bare.prefix}features", bare.partitions),
        daemon=True,
    )
    place.empty_redis()
    worker = world.start_worker()
    pin(worker.process.pid, cores.contestant)
    cases = []
    try:
        await worker.ready()
        loop.start()
        assert loop.pid is not None
        pin(loop.pid, cores.contestant)
        pin(worker.process.pid, cores.contestant)
        print(f"warming up the broker for {2 * load.warmup:g} s", flush=True)
        for corner in (world, bare):
            await measure(corner, rate=load.rates[0], symbols=load.symbols, seconds=load.warmup)
        for rate in load.rates:
            case = place.describe(measure_case(rate), rounds=load.rounds, seconds=load.seconds, **load.settings)
            for number in range(load.rounds):
                used = cpu_seconds(worker.process.pid)
                found = await measure_all(world, rate=rate, symbols=load.symbols, seconds=load.seconds)
                note(case, number, found, cpu_seconds(worker.process.pid) - used, load.seconds)
                used = cpu_seconds(loop.pid)
                # With the same observers, who take their share of the servers' cores.
                limit = await measure_all(bare, rate=rate, symbols=load.symbols, seconds=load.seconds, stores=False)
                note(case, number, {BARE: limit[FEATURE]}, cpu_seconds(loop.pid) - used, load.seconds)
            figures.keep(json, case)
            cases.append(case)
    finally:
        world.close()
        loop.kill()
    for case in cases:
        for name in case.figures:
            if name != BARE:
                said = {m: case.advantage(name, m) for m in ("p50_ms", "p99_ms")}
                text = ", ".join(f"{m} {s.median:.2f} ({s.least:.2f} to {s.most:.2f})" for m, s in said.items() if s)
                print(f"{case.title}: {name}: times the bare loop {text}")
    return cases


def note(case: Case, number: int, found: dict[str, F64], cpu_s: float, seconds: float) -> None:
    """Keep and print one round; the CPU is noted with the first of them."""
    share = 100 * cpu_s / (seconds + SETTLE_S)
    for place, (name, latencies) in enumerate(found.items()):
        p50, p99, p999 = np.percentile(latencies, (50, 99, 99.9))
        case.add(name, p50_ms=p50, p99_ms=p99, p999_ms=p999)
        if place == 0:
            case.add(name, cpu_share=share)
        cpu = f", {share:.0f}% of a core" if place == 0 else ""
        print(f"round {number + 1} {name:20} {summary(latencies)}{cpu}", flush=True)


def summary(latencies: F64) -> str:
    """Count and percentiles of one case."""
    p50, p90, p99, p999 = np.percentile(latencies, (50, 90, 99, 99.9))
    return f"n={len(latencies)} p50={p50:.2f} p90={p90:.2f} p99={p99:.2f} p99.9={p999:.2f} ms"


def main() -> None:
    """Command line."""
    options = parser(__doc__)
    options.add_argument("--rates", type=lambda text: [float(part) for part in text.split(",")])
    options.add_argument("--symbols", type=int, default=200)
    options.add_argument("--seconds", type=float, default=6.0)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--warmup", type=float, default=20.0, help="seconds of unmeasured load on each")
    options.add_argument("--poll-ms", type=int, help="the worker's HAYATE_POLL_MS")
    given = options.parse_args()
    rates = given.rates or [1_000.0, 10_000.0]
    load = Load(rates, given.symbols, given.seconds, given.rounds, given.warmup, given.poll_ms)
    with ground() as place:
        asyncio.run(compare(place, load, given.json))


if __name__ == "__main__":
    main()
