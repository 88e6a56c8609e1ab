"""The input of the stacker. Training and serving call this very code."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.decision.compiled import compiled
from streams.columns import F64

FLOOR: Final = 1e-6
"""Probabilities are taken as at least this: no single member can decide alone."""


def stacker_inputs(probabilities: F64) -> NDArray[np.float32]:
    """[n, m * c]: ln(max(p, FLOOR)) of the members' class probabilities [n, m, c], member by member; NaN stays NaN.

    Of logarithms, for a multinomial logistic regression on them holds every weighted logarithmic pool of the members as
    a special case.
    """
    n, members, classes = probabilities.shape
    out = np.empty((n, members * classes), np.float32)
    _logarithms(np.ascontiguousarray(probabilities).reshape(n, members * classes), out)
    return out


@compiled
def _logarithms(probabilities: F64, out: NDArray[np.float32]) -> None:
    """The formula of `stacker_inputs`, by element."""
    for i in range(probabilities.shape[0]):
        for j in range(probabilities.shape[1]):
            p = probabilities[i, j]
            out[i, j] = np.float32(math.nan) if math.isnan(p) else np.float32(math.log(max(p, FLOOR)))
