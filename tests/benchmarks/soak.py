"""Ten million ticks through one worker: does memory grow, does latency drift?

    python -m tests.benchmarks.soak [--ticks 10000000] [--rate 5000] [--every 10] [--seconds 60]

An open-loop load with every guarantee on; every so many seconds the worker's memory and the percentiles of the
latencies since the last sample. The first fifth is left out: caches fill, symbols come. Given are the slopes per
million ticks with 95% intervals. `--seconds` makes a short one.
"""

import asyncio
import time
from pathlib import Path
from uuid import uuid4

import numpy as np

from streams.feeds.producer import TickProducer
from streams.feeds.run import run_simulation
from tests.benchmarks import figures
from tests.benchmarks.arena import Ground, ground, parser
from tests.benchmarks.figures import OURS, Case
from tests.benchmarks.machine import pin, resident_mib
from tests.benchmarks.targets import SLOPE
from tests.benchmarks.trend import Trend, trend
from tests.benchmarks.watch import TopicWatch
from tests.e2e.world import Worker, World, tail_of

SYMBOLS = 200
WARM_SHARE = 0.2
UNITS = {"memory_mib": "MiB", "p50_ms": "median ms", "p99_ms": "p99 ms"}

Samples = dict[str, list[float]]
"""Measure -> its samples; `million` says after how many million ticks each was taken."""


def measure_case() -> Case:
    """The empty table."""
    return Case(
        "soak",
        "Soak: memory and latency over a long run",
        "One worker, default set, ensemble, every guarantee on, under an open-loop load; the first fifth is left out. "
        "The range is that of the samples; of a slope it is the interval.",
        dict(UNITS),
        base="",
    )


async def sample(worker: Worker, watch: TopicWatch, every: float, samples: Samples) -> None:
    """Take samples until cancelled."""
    done = 0
    while True:
        since = time.time_ns()
        await asyncio.sleep(every)
        if worker.process.poll() is not None:
            raise RuntimeError(f"the worker ended with {worker.process.returncode}:\n{tail_of(worker.log)}")
        latencies = watch.latencies(since)
        done += len(watch.seen)
        watch.seen.clear()
        if len(latencies):
            p50, p99 = np.percentile(latencies, (50, 99))
            found = {
                "million": done / 1e6,
                "memory_mib": resident_mib(worker.process.pid),
                "p50_ms": p50,
                "p99_ms": p99,
            }
            for measure, value in found.items():
                samples.setdefault(measure, []).append(float(value))
            print(
                f"{done:12,} ticks: {found['memory_mib']:.0f} MiB, median {p50:.2f} ms, p99 {p99:.2f} ms",
                flush=True,
            )


async def run(place: Ground, *, ticks: int, rate: float, every: float, json: Path | None) -> Case:
    """The whole soak; prints and keeps its slopes."""
    case = place.describe(measure_case(), ticks=ticks, rate=rate, symbols=SYMBOLS)
    world = World(place.services, f"k{uuid4().hex[:6]}-", place.folder)
    world.create_topics()
    worker = world.start_worker()
    samples: Samples = {}
    try:
        await worker.ready()
        pin(worker.process.pid, place.cores.contestant)
        servers = place.services.bootstrap_servers
        async with TopicWatch(servers, f"{world.prefix}features", world.partitions) as watch:
            sampling = asyncio.create_task(sample(worker, watch, every, samples))
            async with TickProducer(place.services.kafka_url, f"{world.prefix}ticks") as producer:
                loading = asyncio.create_task(
                    run_simulation(producer, symbols=SYMBOLS, rate=rate, seed=1, count=ticks, clock_marks=True)
                )
                await asyncio.wait([sampling, loading], return_when=asyncio.FIRST_COMPLETED)
                if sampling.done():
                    loading.cancel()
                    sampling.result()
            sampling.cancel()
    finally:
        world.close()
    conclude(case, samples)
    figures.keep(json, case)
    return case


def conclude(case: Case, samples: Samples) -> dict[str, Trend]:
    """Put what the soak gave into its table; returns the slopes."""
    count = len(samples.get("million", []))
    first = int(WARM_SHARE * count)
    slopes = {}
    for measure, unit in UNITS.items():
        for value in samples.get(measure, [])[first:]:
            case.add(OURS, **{measure: value})
        if count - first >= 3:
            slopes[measure] = found = trend(samples["million"][first:], samples[measure][first:])
            for value in (found.low, found.slope, found.high):
                case.add(SLOPE, **{measure: value})
            print(f"{unit} per million ticks: {found.slope:+.3f}, 95% interval {found.low:+.3f} to {found.high:+.3f}")
    return slopes


def main() -> None:
    """Command line."""
    options = parser(__doc__)
    options.add_argument("--ticks", type=int, default=10_000_000)
    options.add_argument("--rate", type=float, default=5_000.0)
    options.add_argument("--every", type=float, default=10.0, help="seconds between samples")
    options.add_argument("--seconds", type=float, help="as many ticks as come in this time")
    given = options.parse_args()
    ticks = given.ticks if given.seconds is None else int(given.seconds * given.rate)
    with ground() as place:
        asyncio.run(run(place, ticks=ticks, rate=given.rate, every=given.every, json=given.json))


if __name__ == "__main__":
    main()
