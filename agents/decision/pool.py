"""The weighted logarithmic opinion pool: many probabilities into one."""

import math
from typing import Final

import numpy as np

from agents.decision.compiled import compiled
from streams.columns import F64

EDGE: Final = 1e-6
"""Opinions are taken as at least this far from 0 and 1: no single member can decide alone, whatever the others say."""


def pool(opinions: F64, weights: F64) -> tuple[F64, F64]:
    """Pool the opinions of m members about n records.

        e_j = w_j / sum of w over the members that answered, 0 for the others
        L   = sum of e_j * ln(q_j / (1 - q_j)),              q_j = min(max(p_j, EDGE), 1 - EDGE)
        p   = 1 / (1 + exp(-L))

    The pool of the mirrored opinions 1 - p_j is 1 - p, and it is externally Bayesian: evidence that all members share
    may be added before or after pooling (Genest and Zidek, Combining Probability Distributions, 1986).

    Args:
        opinions: [n, m], contiguous, in [0, 1]; NaN is an abstention. A number outside is no probability and counts as
            an abstention too.
        weights: [m], contiguous, finite, >= 0, on any scale.

    Returns:
        p [n], NaN where nobody of positive weight answered, and e [n, m], whose rows sum to 1, or to 0 where p is NaN.
    """
    pooled = np.empty(len(opinions))
    effective = np.empty(opinions.shape)
    _pool(opinions, weights, pooled, effective)
    return pooled, effective


@compiled
def _pool(opinions: F64, weights: F64, pooled: F64, effective: F64) -> None:
    """The formula of `pool`, row by row, members in their order, into `pooled` and `effective`."""
    members = len(weights)
    for i in range(len(pooled)):
        total = 0.0
        for j in range(members):
            if 0.0 <= opinions[i, j] <= 1.0:
                total += weights[j]
        log_odds = 0.0
        for j in range(members):
            effective[i, j] = 0.0
            if total > 0.0 and 0.0 <= opinions[i, j] <= 1.0:
                effective[i, j] = weights[j] / total
                q = min(max(opinions[i, j], EDGE), 1.0 - EDGE)
                log_odds += effective[i, j] * math.log(q / (1.0 - q))
        pooled[i] = 1.0 / (1.0 + math.exp(-log_odds)) if total > 0.0 else math.nan
