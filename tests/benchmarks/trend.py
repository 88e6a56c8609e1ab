"""Whether something grows: least squares over the samples of a soak, with an interval that says how sure it is."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from streams.columns import F64

RESAMPLES = 2_000
BLOCKS = 10
"""Neighbouring samples are alike (one garbage collection, one compaction): whole blocks are drawn."""


class Trend(NamedTuple):
    """Slope per unit of x, and its 95% interval."""

    slope: float
    low: float
    high: float

    @property
    def flat(self) -> bool:
        """Whether zero lies in the interval."""
        return self.low <= 0.0 <= self.high


def trend(x: Sequence[float], y: Sequence[float], seed: int = 1) -> Trend:
    """Least squares line through (x, y); the interval by a bootstrap of blocks of its residuals.

    Raises:
        ValueError: fewer than three samples, or all at one place.
    """
    xs, ys = np.array(x, np.float64), np.array(y, np.float64)
    if len(xs) < 3 or len(xs) != len(ys) or np.ptp(xs) == 0.0:
        raise ValueError(f"{len(xs)} samples make no trend: give three or more, at different places")
    slope, level = _line(xs, ys)
    fitted = level + slope * xs
    residuals = ys - fitted
    rng = np.random.default_rng(seed)
    width = max(1, len(xs) // BLOCKS)
    starts = np.arange(0, len(xs), width)
    slopes = np.empty(RESAMPLES)
    for number in range(RESAMPLES):
        drawn = rng.choice(starts, len(starts))
        shuffled = np.concatenate([residuals[start : start + width] for start in drawn])
        shuffled = np.resize(shuffled, len(xs))
        slopes[number] = _line(xs, fitted + shuffled)[0]
    low, high = np.percentile(slopes, (2.5, 97.5))
    return Trend(slope, float(low), float(high))


def _line(x: F64, y: F64) -> tuple[float, float]:
    centred = x - x.mean()
    slope = float(centred @ (y - y.mean()) / (centred @ centred))
    return slope, float(y.mean() - slope * x.mean())
