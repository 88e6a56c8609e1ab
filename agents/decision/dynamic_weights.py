"""Weights of the members that follow how right they were: exponential weights with fixed share and sleeping members.

Per symbol and matured label, with p_j the probability that member j gave to what happened:

    loss_j = -ln(max(p_j, FLOOR))                                    logarithmic, a proper loss
    v_j    = w_j * exp(-RATE * loss_j)                               members that answered,
             scaled so that together they keep the weight they had;  w_j for the others, which slept
    w_j    = (1 - SHARE) * v_j + SHARE * prior_j

The loss against the best member in hindsight grows with the logarithm of their number, and with SHARE against the best
sequence of members: a member that was bad for a day is back within hours of being good (Herbster and Warmuth, Tracking
the Best Expert, 1998; sleeping: Freund, Schapire, Singer and Warmuth, Using and Combining Predictors that Specialize,
1997). RATE is 1/16, not 1: sixteen labels are taken within one horizon, which overlap and say much the same.

The weights sum to 1. A member whose prior is 0 stays at 0.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.decision.compiled import compiled
from streams.columns import F64

RATE: Final = 1.0 / 16.0
"""Learning rate for one matured label."""
SHARE: Final = 1.0 / 1_000.0
"""Part of the weight that flows back to the prior at each label."""
FLOOR: Final = 1e-3
"""Probabilities count as at least this: one label moves log weights by at most 0.43."""


def learn(
    weights: F64, prior: F64, rows: NDArray[np.int64], members: F64, label: NDArray[np.int8], at: NDArray[np.int64]
) -> F64:
    """Weights before each of n records, learning in between from the labels that it matured.

    Args:
        weights: [s, m], of every symbol; changed in place.
        prior: [m], sums to 1.
        rows: [n], symbol of each record, as a row of `weights`.
        members: [k, m, c], class probabilities of the matured decisions; NaN where a member did not answer. Of two
            classes they are down and up, of three down, flat and up.
        label: [k], -1, 0 or 1; of two classes a 0 teaches nothing.
        at: [k], ascending: the record whose symbol it is of, and which matured it.

    Returns:
        [n, m], the weights that hold for each record.
    """
    out = np.empty((len(rows), weights.shape[1]))
    _learn(weights, prior, rows, np.ascontiguousarray(members), label, at, out)
    return out


@compiled
def _learn(
    weights: F64,
    prior: F64,
    rows: NDArray[np.int64],
    members: F64,
    label: NDArray[np.int8],
    at: NDArray[np.int64],
    out: F64,
) -> None:
    """The formula of the module's docstring, record by record, labels in their order."""
    count, classes, k = weights.shape[1], members.shape[2], 0
    new = np.empty(count)
    for i in range(len(rows)):
        w = weights[rows[i]]
        while k < len(at) and at[k] == i:
            place = int(label[k]) + 1 if classes == 3 else (int(label[k]) + 1) // 2
            if classes == 3 or label[k] != 0:
                before = after = 0.0
                for j in range(count):
                    p = members[k, j, place]
                    new[j] = w[j]
                    if not math.isnan(p):
                        new[j] = w[j] * math.exp(-RATE * -math.log(max(p, FLOOR)))
                        before += w[j]
                        after += new[j]
                if after > 0.0:
                    whole = 0.0
                    for j in range(count):
                        if not math.isnan(members[k, j, place]):
                            new[j] *= before / after
                        w[j] = (1.0 - SHARE) * new[j] + SHARE * prior[j]
                        whole += w[j]
                    for j in range(count):
                        w[j] /= whole
            k += 1
        for j in range(count):
            out[i, j] = w[j]
