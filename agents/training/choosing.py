"""The threshold of the high-confidence tier, and the confidence to act on: chosen on a part of the data of its own."""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.training.intervals import Bootstrap, Estimate
from streams.columns import F64, I64

COVERAGES: Final = tuple(round(float(c), 5) for c in np.geomspace(0.002, 1.0, 45))
LEAST_CALLS: Final = 30
ACTING_SHARE: Final = 0.2
"""Share of the records that act: those of the highest confidence on the data of the choice."""


class Threshold(NamedTuple):
    """What was chosen."""

    score: float | None
    """Least score of the tier; None: no threshold's lower bound reached the target."""
    precision: Estimate | None
    """On the data of the choice, so somewhat too good."""


def choose_threshold(ts_ns: I64, horizon_ns: int, score: F64, right: NDArray[np.bool_], target: float) -> Threshold:
    """The lowest threshold whose precision is at least `target` by the lower end of its interval.

    The bound is Wilson's at the effective number of rows, for neighbouring rows look at the same future. It is the best
    of several thresholds, so its precision here is somewhat too good; what it is worth the test part says.

    Args:
        ts_ns: [n], ascending.
        horizon_ns: how far a label looks.
        score: [n], probability of the called direction.
        right: [n], whether the price went there by more than the dead band; flat counts as wrong.
        target: in (0, 1).
    """
    if not len(score):
        return Threshold(None, None)
    boot = Bootstrap(ts_ns, horizon_ns)
    ordered = np.sort(score)[::-1]
    for coverage in reversed(COVERAGES):
        calls = math.ceil(coverage * len(score))
        threshold = float(ordered[calls - 1])
        found = boot.share(right, score >= threshold)
        if calls >= LEAST_CALLS and found.low is not None and found.low >= target:
            return Threshold(threshold, found)
    return Threshold(None, None)


def choose_acting(confidence: F64) -> float:
    """Confidence that ACTING_SHARE of the records exceed, in [0, 1)."""
    if not len(confidence):
        return 0.0
    return float(min(max(np.quantile(confidence, 1.0 - ACTING_SHARE), 0.0), 0.999))
