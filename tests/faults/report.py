"""What the suite measured: silences per kind of fault, availability, error rate; printed and kept as JSON."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.faults.checker import Findings
from tests.faults.times import Flow, Service, Silence

DEFINITIONS: Final = {
    "silence": "longest wait of a tick for its feature, of those that came after the fault and before the next one, in "
    "the slowest partition (a server that was away: from its first answer to the first feature); times are the "
    "broker's, of appending",
    "availability": "share of (second, partition) cells in which every accepted tick had its feature in the log within "
    "1 s, over all runs, outages of the broker included",
    "error rate": "ids that are missing, wrong, unexpected or written twice, over acknowledged ticks",
}
OWNERS: Final = {"availability": 0.999, "error rate": 0.001}


@dataclass
class Report:
    """Gathered over a session."""

    seed: int = 0
    ticks: int = 0
    errors: int = 0
    hurts: Counter[str] = field(default_factory=Counter)
    copies: Counter[str] = field(default_factory=Counter)
    silences: list[Silence] = field(default_factory=list)
    cells: int = 0
    late_cells: int = 0

    def add(self, findings: Findings, flow: Flow, silences: list[Silence], hurts: Counter[str]) -> None:
        """Take in one run."""
        service: Service = flow.service()
        self.ticks += findings.ticks
        self.errors += len(findings.violations)
        self.copies += findings.copies
        self.silences += silences
        self.hurts += hurts
        self.cells += service.cells
        self.late_cells += service.late_cells

    @property
    def availability(self) -> float:
        """See DEFINITIONS."""
        return 1.0 - self.late_cells / self.cells if self.cells else 1.0

    @property
    def error_rate(self) -> float:
        """See DEFINITIONS."""
        return self.errors / self.ticks if self.ticks else 0.0

    def table(self) -> list[dict[str, Any]]:
        """One row per kind of fault; seconds."""
        rows = []
        for kind in dict.fromkeys(silence.kind for silence in self.silences):
            same = [silence for silence in self.silences if silence.kind == kind]
            row: dict[str, Any] = {"fault": kind, "times": len(same)}
            for group, values in (("own", [s.own_ms for s in same]), ("others", [s.others_ms for s in same])):
                known = sorted(value / 1000 for value in values if value is not None)
                row[f"{group} median s"] = round(known[len(known) // 2], 2) if known else None
                row[f"{group} longest s"] = round(known[-1], 2) if known else None
            rows.append(row)
        return rows

    def lines(self) -> list[str]:
        """For a terminal."""
        lines = [f"seed {self.seed}; {self.ticks} ticks; " + ", ".join(f"{n} {what}" for what, n in self.hurts.items())]
        lines.append(f"{'silence (s)':34} {'times':>5} {'own':>7} {'longest':>8} {'others':>7} {'longest':>8}")
        for row in self.table():
            cells = [row[name] for name in row if name.endswith(" s")]
            shown = [
                f"{'-' if cell is None else format(cell, '.2f'):>{w}}"
                for cell, w in zip(cells, (7, 8, 7, 8), strict=True)
            ]
            lines.append(f"{row['fault']:34} {row['times']:>5} {' '.join(shown)}")
        lines.append(
            f"availability {self.availability:.2%} (owner: {OWNERS['availability']:.1%}; over a day, not a storm), "
            f"error rate {self.error_rate:.4%} (owner: {OWNERS['error rate']:.1%}), exact copies {dict(self.copies)}"
        )
        return lines

    def write(self, path: Path) -> None:
        """Keep it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = {
            "seed": self.seed,
            "ticks": self.ticks,
            "errors": self.errors,
            "error rate": self.error_rate,
            "availability": self.availability,
            "copies": self.copies,
            "hurts": self.hurts,
            "silences": self.table(),
            "definitions": DEFINITIONS,
            "owner's limits": OWNERS,
        }
        path.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
