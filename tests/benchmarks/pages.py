"""Every case of docs/benchmarks.md in turn, then the page (`make bench`); an hour and a half on a quiet machine:

    python -m tests.benchmarks.pages [--cases throughput,latency] [--json docs/benchmarks.json] [--page FILE]

Each case is a process of its own, with servers of its own, and begins when the load of the one before has died away.
One that fails is named at the end and spoils no other: its older figures stay.
"""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks import table
from tests.benchmarks.arena import parser
from tests.benchmarks.machine import wait_until_quiet

CASES = ("engine", "throughput", "latency", "inside", "scaling", "symbols", "start", "soak")
CHECKOUT = Path(__file__).resolve().parents[2]


def run_case(case: str, json: Path) -> bool:
    """Run one case, its output shown; says whether it went well."""
    wait_until_quiet()
    command = [sys.executable, "-m", f"tests.benchmarks.{case}", "--json", str(json)]
    return subprocess.run(command, cwd=CHECKOUT, check=False).returncode == 0


def run(cases: Sequence[str], json: Path, page: Path, one: Callable[[str, Path], bool] = run_case) -> list[str]:
    """Run the cases and write the page; returns those that failed."""
    failed = [case for case in cases if not one(case, json)]
    table.main([str(json), str(page)])
    return failed


def main() -> int:
    """Command line."""
    options = parser(__doc__)
    options.add_argument("--cases", type=lambda text: text.split(","), default=list(CASES))
    options.add_argument("--page", type=Path, default=table.PAGE)
    given = options.parse_args()
    failed = run(given.cases, (given.json or table.FIGURES).absolute(), given.page)
    for case in failed:
        print(f"{case} failed: run python -m tests.benchmarks.{case} and see", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
