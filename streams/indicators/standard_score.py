"""The standard score of the newest of the last n values: how many deviations it lies from their mean."""

from math import nan, sqrt
from typing import Any

from streams.indicators.indicator import compiled
from streams.indicators.moments import ANCHOR, distance, push, variance


@compiled
def standard_score(state: Any, count: int, value: float, period: int) -> float:
    """Take the `count`-th value and return (value - m) / s of the last `period` ones, or of as many as there are.

    m is their mean and s their population deviation (divisor n); NaN where s is 0. The state is that of one window of
    moments.py, from its first slot on. The level cancels before anything is rounded: value and mean are both taken
    from the window's anchor.
    """
    push(state, 0, count, value, period)
    deviation = sqrt(variance(state, 0, count, period))
    score: float = ((value - state[ANCHOR]) - distance(state, 0, count, period)) / deviation if deviation > 0.0 else nan
    return score
