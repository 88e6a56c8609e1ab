"""What sealing at rest costs: `python -m tests.benchmarks.sealing [--symbols 100] [--values 60] [--seconds 30]`.

The same records into the same Redis, in clear and sealed: the worker's CPU to make the commands, records a second until
they are stored, what Redis takes for them, and the time of reads. Both ways in turns, for the machine may be busy.
"""

import argparse
import asyncio
import os
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis as SyncRedis
from redis.asyncio import Redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from deploy.local.ports import HOST, free_ports
from deploy.local.progress import Silent
from deploy.local.redis import choose_program
from tables.feature_store import RealTimeFeatureStore
from tables.features.contract import FeatureWrite
from tables.sealing import Sealer

NS = 1_000_000_000
T0 = 1_790_000_000
SCHEMA = "0123456789ab"
READS = 300
KEPT = 14
"""Values that keep history, as in the default feature set."""


@dataclass
class Result:
    """One way, once."""

    command_us: float
    records_per_s: float
    latest_bytes: float
    second_bytes: float
    one_ms: float
    many_ms: float


@contextmanager
def server() -> Iterator[str]:
    """A Redis or Valkey of its own that keeps nothing on disk."""
    binary, what = choose_program(os.environ, Silent())
    port = free_ports(random.randrange(15_000, 30_000))
    print(what)
    with tempfile.TemporaryDirectory() as folder:
        command = [str(binary), "--port", str(port), "--bind", HOST, "--save", "", "--dir", folder]
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log)
        try:
            with SyncRedis(host=HOST, port=port, retry=Retry(ConstantBackoff(0.05), 200)) as client:
                client.ping()
            yield f"redis://{HOST}:{port}/0"
        finally:
            process.terminate()
            process.wait()


def records(symbols: int, values: int, seconds: int) -> list[FeatureWrite]:
    """One record of each symbol in each second."""
    rng = random.Random(1)
    return [
        FeatureWrite(
            f"SYM{s}", 0, n * symbols + s, (T0 + n) * NS, f"ticks-0-{n * symbols + s}", "ready", 100.0 + s,
            [rng.gauss(100.0, 20.0) for _ in range(values)],
        )
        for n in range(seconds)
        for s in range(symbols)
    ]  # fmt: skip


async def measure(url: str, writes: list[FeatureWrite], values: int, symbols: int, sealer: Sealer | None) -> Result:
    """Write everything, look at the memory, read."""
    names = [f"sma_{n + 2}" for n in range(values)]
    async with Redis.from_url(url) as client:
        await client.flushall()
        store = RealTimeFeatureStore(
            url, sealer=sealer, names=names, schema=SCHEMA, history=names[:KEPT], max_pending=len(writes)
        )
        commands = store.filler._commands
        began = time.process_time()
        for write in writes:
            commands.put(write)
        command_us = (time.process_time() - began) / len(writes) * 1e6
        await store.start()
        empty = (await store.usage()).used_bytes
        began = time.perf_counter()
        store.put_many(writes)
        await store.flush(300.0)
        rate = len(writes) / (time.perf_counter() - began)
        used = (await store.usage()).used_bytes - empty
        latest = 0
        for s in range(symbols):
            latest += await client.memory_usage(f"feature:SYM{s}:latest") or 0
        one = await timed(store, ["SYM0"], names)
        many = await timed(store, [f"SYM{s}" for s in range(symbols)], names)
        await store.stop()
    return Result(command_us, rate, latest / symbols, (used - latest) / len(writes), one, many)


async def timed(store: RealTimeFeatureStore, symbols: list[str], names: list[str]) -> float:
    """99th percentile of a read of those symbols, ms."""
    took = []
    for _ in range(READS):
        began = time.perf_counter()
        await store.latest_many(symbols, names)
        took.append(time.perf_counter() - began)
    return statistics.quantiles(took, n=100)[98] * 1e3


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--values", type=int, default=60)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    writes = records(options.symbols, options.values, options.seconds)
    results: dict[str, list[Result]] = {"clear": [], "sealed": []}
    with server() as url:
        for _ in range(options.rounds):
            for way, found in results.items():
                sealer = Sealer({"k1": bytes(range(32))}) if way == "sealed" else None
                found.append(await measure(url, writes, options.values, options.symbols, sealer))
    print(f"{options.symbols} symbols x {options.values} values, {KEPT} with history, {options.seconds} s")
    print(f"{'':38}{'clear':>10}{'sealed':>10}")
    for name, text, best in (
        ("command_us", "to make a command, us of CPU", min),
        ("records_per_s", "records stored a second", max),
        ("latest_bytes", "bytes of a latest record", min),
        ("second_bytes", "bytes of a symbol's second", min),
        ("one_ms", "read of one symbol, p99 ms", min),
        ("many_ms", f"read of {options.symbols} symbols, p99 ms", min),
    ):
        cells = [best(getattr(result, name) for result in found) for found in results.values()]
        print(f"{text:38}" + "".join(f"{cell:>10,.1f}" if cell < 1_000 else f"{cell:>10,.0f}" for cell in cells))


if __name__ == "__main__":
    asyncio.run(main())
