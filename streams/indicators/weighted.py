"""Linearly weighted mean of the last n values: what WMA and Hull's average have in common.

A window is an anchor, two sums of the distances from it, and a ring of the values. The second sum counts each distance
as often as its place in the ring says, less n for those of the round before; so a distance leaves with the very
product with which it came, and nothing of it stays, however large it was. Whenever the ring comes round, every n
values, the newest becomes the anchor and the sums are made anew.
"""

from typing import Any, Final

from streams.indicators.indicator import compiled
from streams.indicators.summation import add

ANCHOR: Final = 0
SUM: Final = 1
PLACED: Final = 3
RING: Final = 5


def slots(period: int) -> int:
    """Slots of state that the weighted mean over `period` values takes."""
    return RING + period


@compiled
def push_weighted(state: Any, at: int, count: int, value: float, period: int) -> float:
    """Take the `count`-th value (from 1) and return the weighted mean of the last `period` ones.

    The newest weighs `period`, the one before `period` - 1, the oldest 1. The state is `slots(period)` long from
    `state[at]` on, zeros before the first value. What is returned before there are `period` values means nothing.
    """
    slot = (count - 1) % period
    ring = at + RING
    if slot == 0:
        state[at + ANCHOR] = value
        state[at + SUM : at + RING] = 0.0
        if count > 1:
            for other in range(1, period):
                _take(state, at, other - period, state[ring + other] - value)
    else:
        anchor = state[at + ANCHOR]
        if count > period:
            _take(state, at, slot - period, state[ring + slot] - anchor, -1.0)
        _take(state, at, slot, value - anchor)
    state[ring + slot] = value
    total = state[at + SUM] + state[at + SUM + 1]
    placed = state[at + PLACED] + state[at + PLACED + 1]
    mean: float = state[at + ANCHOR] + (placed + (period - slot) * total) / (0.5 * period * (period + 1))
    return mean


@compiled
def _take(state: Any, at: int, place: int, distance: float, sign: float = 1.0) -> None:
    """Add the distance of the value at one place to both sums, or take it away with `sign` -1."""
    add(state, at + SUM, sign * distance)
    add(state, at + PLACED, sign * (place * distance))
