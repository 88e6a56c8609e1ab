"""How long until a worker is ready, from the start of its process:

    python -m tests.benchmarks.start [--symbols 10000] [--rounds 3]

Without anything: no compiled kernel, no state; then with the kernel, as at every later start; then with so many
symbols to recover, whose rows lie in the changelog alone (a new machine), and also in the local store (a restart).
"""

import asyncio
import shutil
import time
from pathlib import Path
from uuid import uuid4

from streams.feature_set import FeatureSet
from tables.indicator_state import HEADER
from tests.benchmarks import figures, load
from tests.benchmarks.arena import Ground, ground, parser
from tests.benchmarks.figures import Case
from tests.benchmarks.machine import cpu_seconds, peak_mib, pin
from tests.benchmarks.recovery import fill
from tests.e2e.world import World, tail_of


def measure_case() -> Case:
    """The empty table."""
    return Case(
        "start",
        "Start: until a worker is ready",
        "From the start of the process to `/readyz`, default set, with the ensemble: imports, the kernel, joining the "
        "group, recovery. The first start on a machine compiles the kernel; `make demo` and the image do that ahead.",
        {"ready_s": "s", "cpu_s": "CPU s", "memory_mib": "peak MiB"},
        base="",
    )


async def ready(world: World, case: Case, name: str, cores: frozenset[int], **env: str) -> None:
    """One start, noted and printed; the worker is stopped in good order."""
    begun = time.monotonic()
    worker = world.start_worker(**env)
    pin(worker.process.pid, cores)
    await worker.ready()
    took, cpu, peak = time.monotonic() - begun, cpu_seconds(worker.process.pid), peak_mib(worker.process.pid)
    case.add(name, ready_s=took, cpu_s=cpu, memory_mib=peak)
    print(f"{name}: ready after {took:.1f} s, {cpu:.1f} s of CPU, peak {peak:.0f} MiB", flush=True)
    assert worker.stop() == 0, tail_of(worker.log)


async def run(place: Ground, *, symbols: int, rounds: int, json: Path | None) -> Case:
    """Every kind of start, round by round."""
    case = place.describe(measure_case(), symbols=symbols, rounds=rounds)
    row_bytes = HEADER.size + 8 * FeatureSet.load("default").width
    cores = place.cores.contestant
    for _ in range(rounds):
        prefix = f"a{uuid4().hex[:6]}-"
        folder = place.folder / prefix
        home = folder / "home"
        home.mkdir(parents=True)
        world = World(place.services, prefix, folder)
        world.create_topics()
        place.empty_redis()
        # The kernels are kept under the home folder.
        await ready(world, case, "nothing compiled, no state", cores, HOME=str(home))
        await ready(world, case, "no state", cores)
        await fill(world, records=symbols, symbols=symbols, row_bytes=row_bytes)
        shutil.rmtree(folder / "one")
        await ready(world, case, f"{symbols:,} symbols, changelog alone", cores)
        await ready(world, case, f"{symbols:,} symbols, local store", cores)
        await load.remove(place.services.bootstrap_servers, prefix)
        shutil.rmtree(folder, ignore_errors=True)
        figures.keep(json, case)
    return case


def main() -> None:
    """Command line."""
    options = parser(__doc__)
    options.add_argument("--symbols", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    with ground() as place:
        asyncio.run(run(place, symbols=given.symbols, rounds=given.rounds, json=given.json))


if __name__ == "__main__":
    main()
