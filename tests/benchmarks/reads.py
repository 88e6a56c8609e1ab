"""Reads of the feature store, beside Feast's online reads of the same values from the same Redis, in one run:

    python -m tests.benchmarks.reads [--redis redis://host:port/db] [--rounds 5] [--reads 400] [--feast]

Without `--redis` it starts one of its own (HAYATE_TEST_REDIS_URL is used where it is set). The database is emptied.
100 symbols with the default feature set; 60 of its features are read. Contestants take turns, round by round; of each
the median and the 99th percentile over all rounds, on one connection, one read after the other.

- `latest`: one symbol, 60 features. `latest_many`: 100 symbols, as a matrix. `as_of`: one symbol, 14 features that keep
  history, some seconds back. `HTTP`: one symbol over a socket, kept open, with uvicorn in this process.
- `GET`: a bare GET by redis-py in the same run: what a round trip costs here.
- `Feast`: with `--feast` it is installed into an environment of its own in a temporary folder (some 200 MB), gets the
  same values through its own write path, and reads them with `get_online_features(...).to_dict()` and
  `get_online_features` alone. Where it does not install, a line says so.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import httpx
import numpy as np
from redis.asyncio import Redis

from streams.feature_set import FeatureSet
from tables.feature_store import RealTimeFeatureStore
from tables.features.contract import FeatureWrite
from tables.features.schema import Meaning
from tests.benchmarks.reads_http import serving
from tests.tables.features.test_store_outage import Server

SYMBOLS = [f"S{n:03}" for n in range(100)]
WIDTH = 60
Read = Callable[[], Awaitable[object]]


async def fill(url: str, feature_set: FeatureSet) -> list[list[float]]:
    """Write a record of each symbol; returns their values."""
    store = RealTimeFeatureStore(
        url,
        names=feature_set.outputs,
        schema=feature_set.version,
        history=feature_set.history,
        meaning=Meaning.of(feature_set),
    )
    rng = Random(1)
    values = [[rng.gauss(100, 10) for _ in feature_set.outputs] for _ in SYMBOLS]
    await store.start()
    now = time.time_ns() - 3_000_000_000
    store.put_many(
        FeatureWrite(symbol, 0, n, now, f"ticks-0-{n}", "ready", 100.0, values[n]) for n, symbol in enumerate(SYMBOLS)
    )
    await store.stop()
    return values


async def measured(ways: dict[str, Read], rounds: int, reads: int) -> dict[str, list[float]]:
    """Seconds of every read."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for read in ways.values():
        for _ in range(20):
            await read()
    for _ in range(rounds):
        for name, read in ways.items():
            for _ in range(reads // 4 if "100" in name else reads):
                begun = time.perf_counter()
                await read()
                found[name].append(time.perf_counter() - begun)
    return found


def line(name: str, seconds: list[float]) -> str:
    """Median and 99th percentile in milliseconds."""
    middle, high = np.percentile(seconds, [50, 99]) * 1_000
    return f"{name:42} {middle:8.3f} {high:8.3f} {len(seconds):8}"


async def run(url: str, rounds: int, reads: int, *, feast: bool) -> None:
    """Everything, and its table."""
    feature_set = FeatureSet.load("default")
    async with Redis.from_url(url) as client:
        await client.flushdb()
    values = await fill(url, feature_set)
    names = feature_set.outputs[:WIDTH]
    store = RealTimeFeatureStore(url)
    rng = Random(2)
    async with serving(url) as (port, headers), httpx.AsyncClient(headers=headers) as web, Redis.from_url(url) as bare:
        query = "&".join(f"names={name}" for name in names).replace("@", "%40")

        async def over_http() -> object:
            answer = await web.get(f"http://127.0.0.1:{port}/v1/features/{rng.choice(SYMBOLS)}?{query}")
            assert answer.status_code == 200
            return answer.json()

        ways: dict[str, Read] = {
            "GET, redis-py": lambda: bare.get("features:symbol"),
            f"latest, {WIDTH} features": lambda: store.latest(rng.choice(SYMBOLS), names),
            f"latest_many, 100 x {WIDTH}": lambda: store.latest_many(SYMBOLS, names),
            "as_of, 14 features": lambda: store.as_of(rng.choice(SYMBOLS), None, time.time_ns()),
            f"HTTP, {WIDTH} features": over_http,
        }
        found = await measured(ways, rounds, reads)
    await store.stop()
    print(f"{'milliseconds':42} {'median':>8} {'p99':>8} {'reads':>8}")
    for name, seconds in found.items():
        print(line(name, seconds))
    if feast:
        for name, seconds in feast_reads(url, list(names), values, rounds * reads // 4).items():
            print(line(name, seconds))
    else:
        print("Feast: not asked for (--feast)")


def feast_reads(url: str, names: list[str], values: list[list[float]], reads: int) -> dict[str, list[float]]:
    """Feast's own reads of the same values, in a process and an environment of its own; empty where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        python = place / "venv" / "bin" / "python"
        wanted = {"url": url, "names": names, "symbols": SYMBOLS, "values": values, "reads": reads}
        (place / "wanted.json").write_text(json.dumps(wanted), encoding="utf-8")
        try:
            subprocess.run([sys.executable, "-m", "venv", place / "venv"], check=True, timeout=120)
            install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "feast[redis]"]
            subprocess.run(install, check=True, timeout=900)
            script = Path(__file__).with_name("reads_feast.py")
            done = subprocess.run(
                [str(python), str(script), str(place / "wanted.json")],
                cwd=place,
                check=True,
                timeout=600,
                capture_output=True,
                text=True,
            )
        except (subprocess.SubprocessError, OSError) as error:
            said = getattr(error, "stderr", None) or ""
            print(f"Feast: skipped, {type(error).__name__} {error}\n{said[-600:]}")
            return {}
    found: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--redis", default=os.environ.get("HAYATE_TEST_REDIS_URL"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--reads", type=int, default=400)
    parser.add_argument("--feast", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = None if options.redis else Server(Path(folder))
        try:
            if server is not None:
                server.start()
            url = options.redis or server.url  # type: ignore[union-attr] # one of them is there
            asyncio.run(run(url, options.rounds, options.reads, feast=options.feast))
        finally:
            if server is not None:
                server.kill()


if __name__ == "__main__":
    main()
