"""Sum of the last n values that nothing is ever taken from.

A ring of the values, the place of the next one, and the sum of those of the present round. When the ring comes round,
what is in it turns into sums from each place to the end; the window is then the present round's sum and the one stored
sum that follows the newest value, which is read once and overwritten one step later. So a value that left is gone
without residue: a sum of zeros is exactly 0, one of values >= 0 is never negative and within n 2^-52 of the true one,
relative, after any number of steps; with mixed signs that bound is relative to the sum of the magnitudes in the window.
"""

from typing import Any, Final

from streams.indicators.indicator import compiled

NEWEST: Final = 0
PLACE: Final = 1
RING: Final = 2
"""Slots before the ring: a window over n values is RING + n slots long."""


def slots(period: int) -> int:
    """Slots of state that the sum over `period` values takes."""
    return RING + period


@compiled
def push_sum(state: Any, at: int, count: int, value: float, period: int) -> float:
    """Take the `count`-th value (from 1) and return the sum of the last `period` ones, or of as many as there are.

    The state is `slots(period)` long from `state[at]` on, zeros before the first value.
    """
    slot = 0 if count == 1 else int(state[at + PLACE])
    ring = at + RING
    if slot == 0:
        for i in range(ring + period - 2, ring, -1):
            state[i] += state[i + 1]
        state[at + NEWEST] = value
    else:
        state[at + NEWEST] += value
    state[ring + slot] = value
    total: float = state[at + NEWEST]
    slot += 1
    if slot < period:
        total += state[ring + slot]
    state[at + PLACE] = slot if slot < period else 0
    return total
