"""What the members of a version said about a batch."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streams.columns import F64


@dataclass(frozen=True, slots=True)
class Scores:
    """Of n records by m members, over c classes."""

    probabilities: F64
    """[n, m, c]; all c of them NaN where a member did not answer: an input is missing that it needs, it raised, or what
    it gave is no distribution (NaN, negative, or with a sum that is off 1 by more than 0.001)."""
    usable: NDArray[np.bool_]
    """[n]: whether the inputs let any member answer."""
    able: NDArray[np.bool_]
    """[n, m]: whether the inputs let this member answer; one that was able and is NaN has failed."""
    errors: Mapping[str, str] = field(default_factory=dict)
    """Member -> what it raised."""

    def __len__(self) -> int:
        return len(self.usable)
