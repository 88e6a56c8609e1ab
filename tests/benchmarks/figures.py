"""What a case found, round by round, and the arithmetic that the page and the quick form share.

Ratios are taken within a round, where both sides met the same machine, and the median of the rounds is given.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

OURS = "Hayate"


class Spread(NamedTuple):
    """Median, least and greatest of the rounds."""

    median: float
    least: float
    most: float


@dataclass
class Case:
    """One table: who was measured, in what, and what each round gave."""

    name: str
    title: str
    about: str
    """What was measured, for a reader of the page; plain Markdown."""
    units: dict[str, str]
    """Measure -> its unit, in the order of the columns."""
    more_is_better: list[str] = field(default_factory=list)
    """Measures of which a greater value is better; of the others a lesser one is."""
    compared: list[str] = field(default_factory=list)
    """Measures whose ratios the page shows; none named: all."""
    base: str = OURS
    """Contestant that the ratios are to; empty for a table without."""
    settings: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    """Contestant -> measure -> the value of each round."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Contestant -> why it was not measured."""
    notes: list[str] = field(default_factory=list)
    machine: dict[str, str] = field(default_factory=dict)
    taken: str = field(default_factory=lambda: time.strftime("%Y-%m-%d", time.gmtime()))

    def add(self, contestant: str, **measures: float) -> None:
        """Note one round of one contestant.

        Raises:
            KeyError: a measure has no unit.
        """
        for measure, value in measures.items():
            if measure not in self.units:
                raise KeyError(f"{measure} of {contestant}: the case {self.name} has {', '.join(self.units)}")
            self.figures.setdefault(contestant, {}).setdefault(measure, []).append(value)

    def spread(self, contestant: str, measure: str) -> Spread | None:
        """Of one cell of the table; None where nothing was measured."""
        return spread(self.figures.get(contestant, {}).get(measure, []))

    def advantage(self, contestant: str, measure: str) -> Spread | None:
        """How many times better the base is than the contestant, round by round; None where one of them has none."""
        return spread(
            ratios(
                self.figures.get(self.base, {}).get(measure, []),
                self.figures.get(contestant, {}).get(measure, []),
                more_is_better=measure in self.more_is_better,
            )
        )


def spread(values: Sequence[float]) -> Spread | None:
    """Median and range; None of nothing."""
    return Spread(median(values), min(values), max(values)) if values else None


def ratios(ours: Sequence[float], theirs: Sequence[float], *, more_is_better: bool) -> list[float]:
    """Above 1 where ours is better, pair by pair; pairs with a zero below the line are left out."""
    pairs = zip(ours, theirs, strict=False) if more_is_better else zip(theirs, ours, strict=False)
    return [above / below for above, below in pairs if below > 0]


def load(path: Path) -> dict[str, Case]:
    """The cases of a file, by name, in its order; none where there is no file."""
    if not path.exists():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    return {name: Case(**case) for name, case in found.items()}


def save(path: Path, cases: Mapping[str, Case]) -> None:
    """Write the file anew."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({name: asdict(case) for name, case in cases.items()}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def keep(path: Path | None, case: Case) -> None:
    """Put one case into a file, in the place of an older one of its name; without a file nothing is kept."""
    if path is not None:
        save(path, load(path) | {case.name: case})
