"""Exponential smoothing with a start: what EMA, Wilder's average and MACD have in common."""

from typing import Final

from streams.indicators.indicator import compiled

NEGLIGIBLE: Final = 1e-250
"""Averages nearer to zero than this become zero: a decaying one would end among the denormal numbers, which are slow
and lose their digits."""


@compiled
def smooth(average: float, count: int, value: float, period: int, weight: float) -> float:
    """Return the average after its `count`-th value (from 1).

    The first `period` values are averaged alike, then `average += weight * (value - average)`, 0 < weight <= 1. The
    start is kept as a running mean, so that equal values give exactly that value, from the first on.
    """
    if count <= period:
        average += (value - average) / count
    else:
        average += (value - average) * weight
    if abs(average) < NEGLIGIBLE:
        average = 0.0
    return average
