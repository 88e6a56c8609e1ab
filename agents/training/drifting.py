"""What the inputs looked like in the training part: the reference that drift is measured against."""

from typing import Final

import msgspec
import numpy as np

from agents.decision.inputs import F32
from streams.columns import F64
from tables.models.manifest import PROBABILITY_UP, Drift

BINS: Final = 10
PHASE_ROWS: Final = 1_000
"""Fewer of a phase of the session would be a picture of chance: its records are held against all rows'."""


def reference(name: str, numbers: "F64 | F32") -> Drift:
    """Shares of BINS bins between quantiles. Of `numbers` [n] those that are missing are left out.

    Bin i holds the numbers with exactly i edges at or below them. Edges are numbers that came, so no bin is
    empty; an input that takes few values has fewer of them.
    """
    there = np.asarray(numbers[np.isfinite(numbers)], np.float64)
    if not len(there):
        return Drift(name, (), (1.0,))
    edges = np.unique(np.quantile(there, np.linspace(0.0, 1.0, BINS + 1)[1:-1], method="inverted_cdf"))
    edges = edges[edges > there.min()]
    counts = np.bincount(np.searchsorted(edges, there, side="right"), minlength=len(edges) + 1)
    return Drift(name, tuple(edges.tolist()), tuple((counts / len(there)).tolist()))


def references(names: tuple[str, ...], matrix: F32, probability_up: F64) -> tuple[Drift, ...]:
    """One of each input, and last that of the calibrated probability."""
    return (*(reference(name, matrix[:, j]) for j, name in enumerate(names)), reference(PROBABILITY_UP, probability_up))


def references_of_phases(
    names: tuple[str, ...], matrix: F32, phases: F64, probability_up: F64, its_phases: F64
) -> tuple[Drift, ...]:
    """The same for each phase of the session that has PHASE_ROWS rows at least in both samples.

    Args:
        names, matrix, probability_up: as `references` takes them.
        phases: of the rows of `matrix`; `its_phases`: of those of `probability_up`.
    """
    found: list[Drift] = []
    for phase in np.unique(phases[np.isfinite(phases)]).tolist():
        inputs, calls = phases == phase, its_phases == phase
        if min(inputs.sum(), calls.sum()) >= PHASE_ROWS:
            its_own = references(names, matrix[inputs], probability_up[calls])
            found += (msgspec.structs.replace(one, phase=int(phase)) for one in its_own)
    return tuple(found)
