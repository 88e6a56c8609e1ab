"""Writes docs/benchmarks.md from the figures beside it:

python -m tests.benchmarks.table [docs/benchmarks.json docs/benchmarks.md]
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.benchmarks import figures
from tests.benchmarks.figures import Case, Spread
from tests.benchmarks.machine import BUSY
from tests.benchmarks.targets import TARGETS

DOCS = Path(__file__).resolve().parents[2] / "docs"
FIGURES = DOCS / "benchmarks.json"
PAGE = DOCS / "benchmarks.md"

HEAD = """\
# Benchmarks

Written by `python -m tests.benchmarks.table` from [benchmarks.json](benchmarks.json), to which each command below \
adds its case with `--json docs/benchmarks.json`. Change those, not this page. `make bench` runs \
them all.

Every case starts its own Apache Kafka and Redis and has its contestants take turns, round by round. Given are the \
median of the rounds and, in brackets, the least and the greatest. Ratios are taken within a round, where both sides \
met the same machine: quote those, for absolute figures belong to the machine. Where there are two cores or more, \
servers and load have all but the last, and the contestant has the last one. No figure leaves out a guarantee: \
acknowledgements by all replicas, the idempotent producer, changelog, checkpoints and Redis are on in all of them.

| command | what it measures |
|---|---|
| `python -m tests.benchmarks.throughput` | a backlog turned into features, beside a bare loop, plain Faust, Quix \
Streams, Kafka Streams; CPU and memory of each |
| `python -m tests.benchmarks.latency` | produced to feature, to Redis, to signal under an open-loop load, beside the \
bare loop |
| `python -m tests.benchmarks.inside` | inside the worker: from the poll that brought a tick until its feature is \
handed to the producer |
| `python -m tests.benchmarks.engine` | the fold alone, beside talipp, TA-Lib and plain Python |
| `python -m tests.benchmarks.scaling` | one to three workers, per second and per CPU second |
| `python -m tests.benchmarks.symbols` | 10 to 10,000 symbols: memory, time per tick |
| `python -m tests.benchmarks.start` | until a worker is ready: nothing compiled, warm, with 10,000 symbols to recover |
| `python -m tests.benchmarks.soak` | ten million ticks: trend of memory and latency |
| `python -m tests.benchmarks.quick` | two minutes: ratios against the recorded ones; fails where one fell by more \
than a third |

Where the time goes, what was tried and what limits each case: [Speed](speed.md).

How the peers are run: Quix Streams in an environment of its own, made once in the cache folder; Kafka Streams \
compiled with the JDK on the PATH, skipped with a line where there is none. Plain Faust and Quix Streams call the same \
compiled kernel once per record. Kafka Streams cannot; its fold is Java's own, with as many outputs and rows of the \
same size.
"""
NOTHING = "\nNo figures have been taken yet: they are taken on a quiet machine.\n"


def page(cases: Mapping[str, Case]) -> str:
    """The whole page."""
    if not cases:
        return HEAD + NOTHING
    common = common_to(cases)
    sections = (line for case in cases.values() for line in section(case, common))
    return "\n".join([HEAD, f"Of all cases below: {_listed(common)}.", "", *_targets(cases), *sections])


def common_to(cases: Mapping[str, Case]) -> dict[str, str]:
    """What all cases say of their machine alike."""
    first, *others = (case.machine for case in cases.values())
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}


def section(case: Case, common: Mapping[str, str] | None = None) -> list[str]:
    """Heading, text, table and circumstances of one case, less what is `common` to all."""
    return [
        f"## {case.title}",
        "",
        *([case.about, ""] if case.about else []),
        *_table(case),
        "",
        *(f"- {name} was left out: {_one_line(why)}" for name, why in case.left_out.items()),
        *(f"- {note}" for note in case.notes),
        f"- {_circumstances(case, common or {})}",
        "",
    ]


def _table(case: Case) -> list[str]:
    compared = [measure for measure in case.compared or case.units if case.base]
    head = ["", *case.units.values(), *(f"{case.units[m]}: {case.base} is better by" for m in compared)]
    rows = []
    for contestant in case.figures:
        cells = [_cell(case.spread(contestant, measure)) for measure in case.units]
        ratios = ["1" if contestant == case.base else _cell(case.advantage(contestant, m)) for m in compared]
        rows.append([contestant, *cells, *ratios])
    return [_row(head), _row(["---"] * len(head)), *map(_row, rows)]


def _targets(cases: Mapping[str, Case]) -> list[str]:
    rows = []
    for target in TARGETS:
        found = target.found(cases)
        if found is not None:
            case = cases[target.case]
            verdict = "met" if target.met(found) else "missed"
            what = case.units[target.measure]
            rows.append(_row([case.title, target.contestant, what, target.says(case), number(found), verdict]))
    if not rows:
        return []
    head = _row(["case", "contestant", "of", "target", "found", ""])
    return ["## Targets", "", head, _row(["---"] * 6), *rows, ""]


def _circumstances(case: Case, common: Mapping[str, str]) -> str:
    own = {name: value for name, value in case.machine.items() if name not in common}
    said = [f"{name.replace('_', ' ')}: {value}" for name, value in case.settings.items()]
    text = "; ".join(part for part in (case.taken, ", ".join(said), _listed(own)) if part) + "."
    if busy(case):
        text += " **The machine was busy with other work before this run: take the ratios, if anything.**"
    return text


def busy(case: Case) -> bool:
    """Whether other work was going on when the case began."""
    load, cores = case.machine.get("load before"), case.machine.get("cores")
    return load is not None and cores is not None and float(load) > BUSY * int(cores)


def _listed(machine: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" if name != "processor" else value for name, value in machine.items())


def _cell(found: Spread | None) -> str:
    if found is None:
        return ""
    if found.least == found.most:
        return number(found.median)
    to = "-" if found.least >= 0 else " to "
    return f"{number(found.median)} ({number(found.least)}{to}{number(found.most)})"


def number(value: float) -> str:
    """Three significant digits, thousands with commas."""
    if abs(value) >= 1_000:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{float(f'{value:.3g}'):g}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "/")


def main(arguments: Sequence[str]) -> None:
    """Command line."""
    source, target = (Path(argument) for argument in arguments) if arguments else (FIGURES, PAGE)
    target.write_text(page(figures.load(source)), encoding="utf-8")
    print(f"{target}: written")


if __name__ == "__main__":
    main(sys.argv[1:])
