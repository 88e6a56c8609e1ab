"""Two minutes: the ratios that matter, against the recorded ones; fails where one fell by more than a third.

    python -m tests.benchmarks.quick [--record]

Each ratio is taken within this run and says how much better Hayate is than the other (below 1: how much worse), so it
does not depend on how fast the machine is. What a busy neighbour spoils once is measured again, five times at most: a
ratio has fallen where it did every time. `--record` writes them to recorded.json, beside this file, as what later runs
are held against.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks import latency, throughput
from tests.benchmarks.arena import Ground, ground, parser
from tests.benchmarks.figures import OURS, Case
from tests.benchmarks.targets import BARE, FAUST

RECORDED = Path(__file__).with_name("recorded.json")
MAY_FALL = 1 / 3
TRIES = 5
TICKS = 200_000
RUN_S = 6.0
RATE = 1_000.0


class Fallen(NamedTuple):
    """A ratio that is too low."""

    name: str
    found: float | None
    """None: it was not measured."""
    recorded: float

    def __str__(self) -> str:
        if self.found is None:
            return f"{self.name}: not measured; {self.recorded:.2f} was recorded"
        share = 100 * (1 - self.found / self.recorded)
        return f"{self.name}: {self.found:.2f}, {share:.0f}% below the recorded {self.recorded:.2f}"


async def run(place: Ground) -> list[Case]:
    """Throughput beside the bare loop and plain Faust, then latency beside the bare loop."""
    arena = throughput.Arena(place, ticks=TICKS, limit_s=RUN_S)
    cases = await throughput.run(arena, ["default"], rounds=1, only={OURS, BARE, FAUST}, json=None)
    load = latency.Load([RATE], symbols=200, seconds=5.0, rounds=2, warmup=4.0)
    return cases + await latency.compare(place, load, None)


def ratios_of(cases: Sequence[Case]) -> dict[str, float]:
    """Ratio -> how many times better Hayate is, of every measure that is compared."""
    found = {}
    for case in cases:
        others = [name for name in case.figures if name != case.base]
        for name in others:
            for measure in case.units:
                spread = case.advantage(name, measure)
                if spread is not None and spread.median > 0 and _counts(case, measure):
                    better = spread.median if case.base == OURS else 1 / spread.median
                    found[f"{case.name}, {name}, {measure}"] = better
    return found


def _counts(case: Case, measure: str) -> bool:
    """Medians and throughput; a p99 of some seconds on a shared machine, or memory, would cry wolf."""
    return measure in ({"ticks_s", "cpu_s_million"} if case.base == OURS else {"p50_ms"})


def fallen(found: Mapping[str, float], recorded: Mapping[str, float], share: float = MAY_FALL) -> list[Fallen]:
    """The recorded ratios that are missing, or lower by more than `share` of themselves."""
    return [
        Fallen(name, found.get(name), before)
        for name, before in recorded.items()
        if name not in found or found[name] < before * (1 - share)
    ]


def verdict(found: Mapping[str, float], path: Path, *, record: bool) -> int:
    """Print the ratios beside the recorded ones, or record them; returns the exit status."""
    recorded = _recorded(path)
    for name, ratio in found.items():
        before = f" (recorded {recorded[name]:.2f})" if name in recorded else ""
        print(f"{name}: {ratio:.2f}{before}")
    if record:
        path.write_text(json.dumps({name: round(ratio, 3) for name, ratio in found.items()}, indent=1) + "\n")
        print(f"recorded in {path}")
        return 0
    if not recorded:
        print(f"nothing is recorded in {path}: run it with --record on a quiet machine")
        return 0
    low = fallen(found, recorded)
    for one in low:
        print(f"FALLEN {one}", file=sys.stderr)
    return 1 if low else 0


def _recorded(path: Path) -> dict[str, float]:
    found: dict[str, float] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def verdict_of(measure: Callable[[], dict[str, float]], path: Path, *, record: bool) -> int:
    """The verdict on what is measured, each ratio the best of up to five times."""
    found = measure()
    for _ in range(TRIES - 1):
        if record or not fallen(found, _recorded(path)):
            break
        print("measured again: what is slower for good is slower each time", flush=True)
        again = measure()
        found = {name: max(again.get(name, 0.0), found.get(name, 0.0)) for name in found | again}
    return verdict(found, path, record=record)


def main() -> int:
    """Command line."""
    options = parser(__doc__)
    options.add_argument("--record", action="store_true", help="write what is found, instead of comparing")
    given = options.parse_args()

    def measure() -> dict[str, float]:
        with ground() as place:
            return ratios_of(asyncio.run(run(place)))

    return verdict_of(measure, RECORDED, record=given.record)


if __name__ == "__main__":
    sys.exit(main())
