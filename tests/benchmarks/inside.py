"""Inside the worker: from the poll that brought a tick until its feature is handed to the producer.

    python -m tests.benchmarks.inside [--rate 1000] [--seconds 10] [--rounds 5]

The worker with everything on, under an open-loop load of 200 symbols, and a stopwatch (peers/stopwatch.py) in it. What
a tick waits in the client before it is polled, and the broker's part, are in the latencies, not here.
"""

import asyncio
import time
from pathlib import Path
from uuid import uuid4

import numpy as np

from streams.columns import F64
from streams.feeds.producer import TickProducer
from streams.feeds.run import run_simulation
from tests.benchmarks import figures
from tests.benchmarks.arena import Ground, ground, parser
from tests.benchmarks.figures import OURS, Case
from tests.benchmarks.machine import pin
from tests.e2e.world import World

COMMAND = ("faust", "-A", "tests.benchmarks.peers.stopwatch", "worker", "-l", "warn")
SYMBOLS = 200
SETTLE_S = 2.0
"""Left out at the start of each round."""


def measure_case(rate: float) -> Case:
    """The empty table."""
    return Case(
        "inside",
        f"Inside the worker at {rate:,.0f} ticks/s",
        "From the poll that brought a tick until its feature is handed to the producer: decode, fold, encode, and what "
        "comes in between. Everything on, open loop over 200 symbols, each tick counted once.",
        {"p50_ms": "median ms", "p99_ms": "p99 ms", "p999_ms": "p99.9 ms"},
        base="",
    )


def percentiles(rows: F64, begin: float, end: float) -> tuple[float, float, float]:
    """Median, p99 and p99.9, in ms, of the ticks between two moments; `rows` as the stopwatch writes them."""
    some = rows[(rows[:, 0] >= begin) & (rows[:, 0] < end)]
    p50, p99, p999 = np.percentile(np.repeat(some[:, 1], some[:, 2].astype(int)) * 1e3, (50, 99, 99.9))
    return float(p50), float(p99), float(p999)


async def run(place: Ground, *, rate: float, seconds: float, rounds: int, json: Path | None) -> Case:
    """One worker, so many rounds; prints each."""
    case = place.describe(measure_case(rate), rounds=rounds, seconds=seconds)
    said = place.folder / "stopwatch.npy"
    world = World(place.services, f"i{uuid4().hex[:6]}-", place.folder, 8, {"STOPWATCH": str(said)})
    world.create_topics()
    worker = world.start_worker(command=COMMAND)
    windows = []
    try:
        pin(worker.process.pid, place.cores.contestant)
        await worker.ready()
        async with TickProducer(place.services.kafka_url, f"{world.prefix}ticks") as producer:
            for _ in range(rounds + 1):  # the first one is the broker's warming up
                begin = time.time() + SETTLE_S
                await run_simulation(producer, symbols=SYMBOLS, rate=rate, seed=1, seconds=seconds + SETTLE_S)
                windows.append((begin, time.time()))
        worker.stop()
    finally:
        world.close()
    rows = np.load(said)
    for number, (begin, end) in enumerate(windows[1:], start=1):
        p50, p99, p999 = percentiles(rows, begin, end)
        case.add(OURS, p50_ms=p50, p99_ms=p99, p999_ms=p999)
        print(f"round {number} p50={p50:.2f} p99={p99:.2f} p99.9={p999:.2f} ms", flush=True)
    figures.keep(json, case)
    return case


def main() -> None:
    """Command line."""
    options = parser(__doc__)
    options.add_argument("--rate", type=float, default=1_000.0)
    options.add_argument("--seconds", type=float, default=10.0)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    with ground() as place:
        asyncio.run(run(place, rate=given.rate, seconds=given.seconds, rounds=given.rounds, json=given.json))


if __name__ == "__main__":
    main()
