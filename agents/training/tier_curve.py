"""Precision against coverage: how often calls are right when only the surest are made."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.training.figures import Point
from agents.training.intervals import Bootstrap
from streams.columns import F64

COVERAGES: Final = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, *(round(0.1 + 0.05 * i, 2) for i in range(19)))
LEAST_CALLS: Final = 50
"""A point of fewer calls is not shown: one lucky stretch would make it."""


def curve_of(boot: Bootstrap, score: F64, right: NDArray[np.bool_]) -> tuple[Point, ...]:
    """Points at rising coverages: `score` [n] of each row, and whether its call was `right`."""
    ordered = np.sort(score)[::-1]
    found: dict[float, Point] = {}
    for coverage in COVERAGES:
        threshold = float(ordered[min(len(ordered), max(1, round(coverage * len(ordered)))) - 1])
        if threshold not in found and (point := _point(boot, score, right, threshold)).calls >= LEAST_CALLS:
            found[threshold] = point
    return tuple(found.values())


def widest(boot: Bootstrap, score: F64, right: NDArray[np.bool_], target: float) -> Point | None:
    """The point of the widest coverage whose precision is at least `target`, or None."""
    order = np.argsort(-score, kind="stable")
    calls = np.arange(1, len(order) + 1)
    precision = np.cumsum(right[order]) / calls
    # A threshold takes all rows of its score.
    last = np.append(np.diff(score[order]) != 0.0, np.True_)
    reached = np.flatnonzero(last & (precision >= target) & (calls >= LEAST_CALLS))
    return _point(boot, score, right, float(score[order[reached[-1]]])) if len(reached) else None


def _point(boot: Bootstrap, score: F64, right: NDArray[np.bool_], threshold: float) -> Point:
    taken = score >= threshold
    calls = int(taken.sum())
    return Point(threshold, calls / len(score), calls, boot.share(right, taken))
