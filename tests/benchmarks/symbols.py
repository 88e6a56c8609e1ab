"""Memory and time per tick by how many symbols a worker has:

    python -m tests.benchmarks.symbols [--symbols 10,100,1000,10000] [--ticks 300000] [--rounds 3]

A worker with the default set turns a backlog of a simulated market into features, every guarantee on, ensemble off.
Symbols fall in activity as in Zipf's law; each that had a tick has a row in memory, in the local store and in the
changelog. Memory is the process's at the end of the backlog, so what waits for the broker at full speed is in it.
"""

import asyncio
from pathlib import Path

from tests.benchmarks import figures
from tests.benchmarks.arena import Ground, ground, parser
from tests.benchmarks.figures import Case
from tests.benchmarks.throughput import Arena

FEATURE_SET = "default"


def name_of(symbols: int) -> str:
    """As the page and the targets call it."""
    return f"{symbols:,} symbols"


def measure_case(base: int) -> Case:
    """The empty table."""
    return Case(
        "symbols",
        "Symbols: memory and time per tick",
        "A backlog of a simulated market through one worker, default set, without the ensemble. Memory is the "
        "process's at the end of the backlog, with what waits for the broker at full speed.",
        {"ticks_s": "ticks/s", "cpu_us": "CPU µs a tick", "memory_mib": "MiB"},
        ["ticks_s"],
        base=name_of(base),
    )


async def run(place: Ground, counts: list[int], *, ticks: int, rounds: int, json: Path | None) -> Case:
    """Every count in turn, round by round."""
    case = place.describe(measure_case(counts[0]), ticks=ticks, rounds=rounds)
    for number in range(rounds):
        for count in counts:
            arena = Arena(place, ticks=ticks, limit_s=60.0, symbols=count)
            pace = await arena.ours(FEATURE_SET, signals=False)
            case.add(name_of(count), ticks_s=pace.records_s, cpu_us=pace.cpu_us, memory_mib=pace.memory_mib)
            print(
                f"round {number + 1} {name_of(count):16} {pace.records_s:9,.0f} ticks/s {pace.cpu_us:7.1f} CPU us a "
                f"tick, {pace.memory_mib:6.0f} MiB",
                flush=True,
            )
        figures.keep(json, case)
    return case


def main() -> None:
    """Command line."""
    options = parser(__doc__)
    options.add_argument("--symbols", type=lambda text: [int(part) for part in text.split(",")])
    options.add_argument("--ticks", type=int, default=300_000)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    with ground() as place:
        counts = given.symbols or [10, 100, 1_000, 10_000]
        asyncio.run(run(place, counts, ticks=given.ticks, rounds=given.rounds, json=given.json))


if __name__ == "__main__":
    main()
