"""The weighted logarithmic opinion pool over classes, and the check that an opinion is a distribution."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.decision.compiled import compiled
from streams.columns import F64

FLOOR: Final = 1e-6
"""Probabilities are taken as at least this: no single member can decide alone, whatever the others say."""
OFF: Final = 1e-3
"""How far the sum of an answer may be off 1, and a probability beyond it; float32 leaves some 1e-7."""


def distributions(raw: NDArray[np.float32], able: NDArray[np.bool_]) -> F64:
    """[n, c] in float64: the answers `raw` [n, c] of a member; a row that is no distribution, or not `able`, is NaN."""
    out = np.empty(raw.shape)
    _check(np.ascontiguousarray(raw), np.ascontiguousarray(able), out)
    return out


def class_pool(probabilities: F64, weights: F64) -> tuple[F64, F64]:
    """Pool the class probabilities of m members about n records.

        e_ij = w_ij / sum of w_i over the members that answered, 0 for the others
        P_ic ~ exp(sum over j of e_ij * ln(max(p_ijc, FLOOR))),          normalised over the classes

    With two classes it is the pool of agents/decision/pool.py.

    Args:
        probabilities: [n, m, c]; NaN where a member did not answer.
        weights: [n, m], finite, >= 0, on any scale.

    Returns:
        P [n, c], NaN where nobody of positive weight answered, and e [n, m], whose rows sum to 1, or to 0 there.
    """
    n, members, classes = probabilities.shape
    pooled = np.empty((n, classes))
    effective = np.empty((n, members))
    _pool(np.array(probabilities, np.float64, order="C"), np.array(weights, np.float64, order="C"), pooled, effective)
    return pooled, effective


@compiled
def _check(raw: NDArray[np.float32], able: NDArray[np.bool_], out: F64) -> None:
    """The check of `distributions`, row by row."""
    classes = raw.shape[1]
    for i in range(raw.shape[0]):
        total = 0.0
        good = able[i]
        for c in range(classes):
            p = float(raw[i, c])
            good = good and 0.0 <= p <= 1.0 + OFF
            total += p
        good = good and abs(total - 1.0) <= OFF
        for c in range(classes):
            out[i, c] = float(raw[i, c]) if good else math.nan


@compiled
def _pool(probabilities: F64, weights: F64, pooled: F64, effective: F64) -> None:
    """The formula of `class_pool`, row by row, members in their order."""
    n, members, classes = probabilities.shape
    for i in range(n):
        total = 0.0
        for j in range(members):
            effective[i, j] = 0.0
            if not math.isnan(probabilities[i, j, 0]):
                total += weights[i, j]
        if not total > 0.0:
            for c in range(classes):
                pooled[i, c] = math.nan
            continue
        for c in range(classes):
            pooled[i, c] = 0.0
        for j in range(members):
            if not math.isnan(probabilities[i, j, 0]):
                effective[i, j] = weights[i, j] / total
                for c in range(classes):
                    pooled[i, c] += effective[i, j] * math.log(max(probabilities[i, j, c], FLOOR))
        largest = pooled[i, 0]
        for c in range(1, classes):
            largest = max(largest, pooled[i, c])
        whole = 0.0
        for c in range(classes):
            pooled[i, c] = math.exp(pooled[i, c] - largest)
            whole += pooled[i, c]
        for c in range(classes):
            pooled[i, c] /= whole
