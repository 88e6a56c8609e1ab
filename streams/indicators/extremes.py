"""Highest and lowest of the last n values: what channels, oscillators and stops look back for.

A deque in flat state: of the values in the window only those stay that no later one equals or exceeds, so that the
extreme is always the oldest of them. A value costs one comparison on average, and at most `period` in one step.
"""

from typing import Any, Final

from streams.indicators.indicator import compiled

FIRST: Final = 0
LENGTH: Final = 1
COUNTS: Final = 2


def slots(period: int) -> int:
    """Slots of state that one extreme over `period` values takes: where the oldest entry stands, how many there are,
    and rings of their counts and of their values."""
    return COUNTS + 2 * period


@compiled
def push_max(state: Any, at: int, count: int, value: float, period: int) -> float:
    """Take the `count`-th value and return the highest of the last `period` ones, or of as many as there are.

    The state is `slots(period)` long from `state[at]` on, zeros before the first value. `count` rises by one with
    every value; the value is a number, not NaN.
    """
    first = int(state[at + FIRST])
    length = int(state[at + LENGTH])
    counts = at + COUNTS
    values = counts + period
    if length > 0 and state[counts + first] <= count - period:
        first = (first + 1) % period
        length -= 1
    while length > 0 and state[values + (first + length - 1) % period] <= value:
        length -= 1
    end = (first + length) % period
    state[counts + end] = count
    state[values + end] = value
    state[at + FIRST] = first
    state[at + LENGTH] = length + 1
    highest: float = state[values + first]
    return highest


@compiled
def push_min(state: Any, at: int, count: int, value: float, period: int) -> float:
    """Take the `count`-th value and return the lowest of the last `period` ones; otherwise as `push_max`."""
    return -push_max(state, at, count, -value, period)


@compiled
def age(state: Any, at: int, count: int) -> int:
    """How many values ago the extreme came after the `count`-th was pushed, 0 for that one itself.

    Of equal ones it is the latest.
    """
    return count - int(state[at + COUNTS + int(state[at + FIRST])])
