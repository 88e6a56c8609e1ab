"""The feature store's writes: features a second into Redis, and bytes for each.

    python -m tests.benchmarks.store [--redis redis://host:port/db] [--symbols 200] [--records 20000] [--rounds 3]

Without `--redis` it starts one of its own (HAYATE_TEST_REDIS_URL is used where it is set). The database is emptied.
Records of the default feature set and of `classics` are put as a worker puts them, some hundred at a time,
flushed, and the memory that Redis reports is divided by what it holds; then a whole partition's worth is filled again
from records as the topic has them, which is what healing costs Redis. A record's history is that of the set.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from redis.asyncio import Redis

from streams.feature_set import FeatureSet
from tables.feature_store import RealTimeFeatureStore
from tables.features.budget import Budget
from tables.features.contract import FeatureWrite, PastWrite
from tables.features.keys import FeatureKeys
from tests.tables.features.test_store_outage import Server

START_S = 1_790_000_000
BATCH = 500
"""Records of one put: what a poll brings at a high rate."""


class Result(NamedTuple):
    """One feature set."""

    name: str
    values: int
    history: int
    records_s: float
    filled_s: float
    record_bytes: float
    """For each symbol and second: history keys and record key."""
    latest_bytes: float
    """For each symbol."""
    keys: int
    estimate: float
    """Of Budget, over what was used."""


def records(feature_set: FeatureSet, symbols: int, count: int) -> list[FeatureWrite]:
    """`count` records of `symbols` symbols in turn, each of a second of its own."""
    width = len(feature_set.outputs)
    return [
        FeatureWrite(
            symbol=f"SYM{number % symbols:04}",
            partition=0,
            offset=number,
            ts_ns=(START_S + number // symbols) * 1_000_000_000,
            id=f"ticks-0-{number}",
            status="ready",
            price=100.0 + number / 7,
            values=[100.0 + number / 7 + column / 3 for column in range(width)],
        )
        for number in range(count)
    ]


async def measure(url: str, feature_set: FeatureSet, symbols: int, count: int, rounds: int) -> Result:
    """Put, look, and fill again; the database is empty before and after."""
    writes = records(feature_set, symbols, count)
    speeds: list[float] = []
    fills: list[float] = []
    async with Redis.from_url(url) as client:
        for _ in range(rounds):
            await client.flushdb()
            store = RealTimeFeatureStore(
                url, names=feature_set.outputs, schema=feature_set.version, history=feature_set.history, ttl_s=3_600
            )
            await store.start()
            before = int((await client.info("memory"))["used_memory"])
            begin = time.perf_counter()
            for first in range(0, count, BATCH):
                store.put_many(writes[first : first + BATCH])
                await asyncio.sleep(0)
            await store.flush(120.0)
            speeds.append(count / (time.perf_counter() - begin))
            used = int((await client.info("memory"))["used_memory"]) - before
            keys = await client.dbsize()
            latest = await client.memory_usage(FeatureKeys().latest(writes[0].symbol)) or 0
            begin = time.perf_counter()
            await store.filler.fill([PastWrite(write, 1) for write in reversed(writes)])
            fills.append(count / (time.perf_counter() - begin))
            await store.stop()
        await client.flushdb()
    seconds = count // symbols
    budget = Budget(FeatureKeys(), values=len(feature_set.outputs), ttls=dict.fromkeys(feature_set.history, seconds))
    return Result(
        feature_set.name,
        len(feature_set.outputs),
        len(feature_set.history),
        statistics.median(speeds),
        statistics.median(fills),
        (used - symbols * latest) / count,
        latest,
        keys,
        budget.needed(symbols) / used,
    )


async def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--redis", default=os.environ.get("HAYATE_TEST_REDIS_URL"))
    parser.add_argument("--symbols", type=int, default=200)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = None if options.redis else Server(Path(folder))
        if server is not None:
            server.start("--maxmemory", "2gb")
        url = options.redis or server.url  # type: ignore[union-attr]  # one of them is there
        try:
            async with Redis.from_url(url) as client:
                info = await client.info("server")
            version = info.get("valkey_version") or info["redis_version"]
            print(f"{'Valkey' if 'valkey_version' in info else 'Redis'} {version} at {urlsplit(url).hostname}")
            for name in ("default", "classics"):
                feature_set = FeatureSet.load(name)
                print(described(await measure(url, feature_set, options.symbols, options.records, options.rounds)))
        finally:
            if server is not None:
                server.kill()


def described(result: Result) -> str:
    """One line."""
    features = result.records_s * result.values
    per_key = result.record_bytes / (result.history + 1)
    return (
        f"{result.name}: {result.values} values, {result.history} with history: {result.records_s:,.0f} records/s = "
        f"{features:,.0f} features/s put, {result.filled_s:,.0f} records/s filled from the log; "
        f"{result.record_bytes:,.0f} bytes a symbol and second ({per_key:,.0f} a key), {result.latest_bytes:,.0f} a "
        f"symbol, {result.keys:,} keys; the budget reckons {result.estimate:.2f} times that"
    )


if __name__ == "__main__":
    asyncio.run(main())
