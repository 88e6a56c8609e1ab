"""What became of decisions: matured labels, in columns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.columns import F64


@dataclass(frozen=True, slots=True)
class Outcomes:
    """n decisions of one model whose horizon has passed."""

    model: str
    symbols: list[str]
    ts_ns: NDArray[np.int64]
    """[n], when they were made: the latest event time of their symbol then."""
    probability_up: F64
    """[n], as the signal had it."""
    classes: F64
    """[n, 3], the ensemble's down, flat, up; NaN where it has none, as the rules have not."""
    members: F64
    """[n, m, c], the members' class probabilities; NaN where one did not answer. Rules: c = 1, P(up)."""
    high: NDArray[np.bool_]
    """[n], whether the decision was in the high tier."""
    return_bps: F64
    """[n], what the price did over the horizon."""
    label: NDArray[np.int8]
    """[n], -1, 0, 1: the return against the model's dead band."""

    def __len__(self) -> int:
        return len(self.label)
