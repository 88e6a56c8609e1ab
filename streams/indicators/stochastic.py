"""Where a value stands between the lowest and the highest of the last n: what the stochastics have in common."""

from typing import Any

from streams.indicators.extremes import COUNTS, push_max, push_min
from streams.indicators.indicator import compiled
from streams.indicators.rounding import differ


def slots(period: int) -> int:
    """Slots of state that the two extremes over `period` values take."""
    return 2 * (COUNTS + 2 * period)


@compiled
def place(state: Any, at: int, count: int, high: float, low: float, value: float, period: int, least: float) -> float:
    """Take the `count`-th `high` and `low` and return 100 (value - lowest) / (highest - lowest), 0 to 100.

    50 where highest - lowest is within rounding or <= `least`: in a range that is none, a value is neither high nor
    low.
    """
    highest = push_max(state, at, count, high, period)
    lowest = push_min(state, at + COUNTS + 2 * period, count, low, period)
    reach = highest - lowest
    if reach <= least or not differ(highest, lowest):
        return 50.0
    # The quotient first: it is 1 at most, rounded too.
    return 100.0 * ((value - lowest) / reach)
