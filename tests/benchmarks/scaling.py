"""One to three workers on eight partitions:

    python -m tests.benchmarks.scaling [--workers 1,2,3] [--ticks 600000] [--rounds 3]

The workers start on empty topics and share the partitions; then the market is written as fast as the broker takes it,
and the features are counted. Where there are fewer cores than workers they share one, and what counts is how many ticks
a second of CPU yields, of all workers together.
"""

import asyncio
import shutil
from pathlib import Path
from uuid import uuid4

from tests.benchmarks import figures, load
from tests.benchmarks.arena import Ground, ground, parser
from tests.benchmarks.figures import Case
from tests.benchmarks.machine import pin
from tests.benchmarks.progress_of import Pace, pace_of
from tests.e2e.world import Worker, World, tail_of, until

PARTITIONS = 8
SYMBOLS = 200
COMMAND = ("faust", "-A", "tests.benchmarks.peers.features_only", "worker", "-l", "warn")


def name_of(workers: int) -> str:
    """As the page and the targets call it."""
    return "1 worker" if workers == 1 else f"{workers} workers"


def measure_case() -> Case:
    """The empty table."""
    return Case(
        "scaling",
        "Scaling: workers on eight partitions",
        "All workers together, default set, without the ensemble; where there are fewer cores than workers they share "
        "them, and the second column is the one to read.",
        {"ticks_s": "ticks/s", "ticks_cpu_s": "ticks per CPU second", "memory_mib": "MiB of all workers"},
        ["ticks_s", "ticks_cpu_s"],
        base=name_of(1),
    )


async def one(place: Ground, count: int, lines: list[load.Line]) -> Pace:
    """One run of `count` workers."""
    prefix = f"s{uuid4().hex[:6]}-"
    folder = place.folder / prefix
    folder.mkdir()
    world = World(place.services, prefix, folder, PARTITIONS)
    world.create_topics()
    place.empty_redis()
    workers = [world.start_worker(str(number), COMMAND) for number in range(count)]
    servers = place.services.bootstrap_servers
    try:
        for worker in workers:
            pin(worker.process.pid, place.cores.contestant)
            await worker.ready()
        await until(lambda: shared(workers, f"{prefix}ticks"), "the workers share the partitions", workers[0])
        for worker in workers:
            pin(worker.process.pid, place.cores.contestant)  # what threads there are by now
        ticks = sum(map(len, lines))
        watching = asyncio.create_task(
            pace_of(
                [worker.process for worker in workers],
                servers,
                f"{prefix}features",
                partitions=PARTITIONS,
                records=ticks,
                limit_s=120.0,
                said=lambda: "\n".join(tail_of(worker.log) for worker in workers),
            )
        )
        await load.write(servers, f"{prefix}ticks", lines)
        return await watching
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.wait()
        await load.remove(servers, prefix)
        shutil.rmtree(folder, ignore_errors=True)


def shared(workers: list[Worker], topic: str) -> bool:
    """Whether every worker has some of the partitions, and together they have all."""
    mine = [partitions_of(worker, topic) for worker in workers]
    return all(mine) and len(set.union(*mine)) == PARTITIONS


def partitions_of(worker: Worker, topic: str) -> set[str]:
    """Partitions of a topic that a worker has, by its own word."""
    lines = [line for line in worker.get("/metrics").splitlines() if line.startswith("hayate_lag_records{")]
    return {line.partition('partition="')[2].partition('"')[0] for line in lines if f'topic="{topic}"' in line}


async def run(place: Ground, counts: list[int], *, ticks: int, rounds: int, json: Path | None) -> Case:
    """Every count in turn, round by round."""
    case = place.describe(measure_case(), ticks=ticks, rounds=rounds, partitions=PARTITIONS)
    lines = load.market(ticks=ticks, symbols=SYMBOLS, partitions=PARTITIONS)
    for number in range(rounds):
        for count in counts:
            pace = await one(place, count, lines)
            per_cpu = 1e6 / pace.cpu_us
            case.add(name_of(count), ticks_s=pace.records_s, ticks_cpu_s=per_cpu, memory_mib=pace.memory_mib)
            print(
                f"round {number + 1} {name_of(count)}: {pace.records_s:9,.0f} ticks/s, {per_cpu:9,.0f} per CPU second, "
                f"{pace.memory_mib:.0f} MiB",
                flush=True,
            )
        figures.keep(json, case)
    return case


def main() -> None:
    """Command line."""
    options = parser(__doc__)
    options.add_argument("--workers", type=lambda text: [int(part) for part in text.split(",")])
    options.add_argument("--ticks", type=int, default=600_000)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    with ground() as place:
        counts = given.workers or [1, 2, 3]
        asyncio.run(run(place, counts, ticks=given.ticks, rounds=given.rounds, json=given.json))


if __name__ == "__main__":
    main()
