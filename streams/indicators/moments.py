"""Mean, variance and covariance of the last n values, kept as they come.

A window is an anchor, the sums of the distances from it and of their squares, and a ring of the values. The anchor is
one of the window's values; whenever the ring comes round, every n values, the newest becomes the anchor and the sums
are made anew, so that no error lives longer than n values and a high level cancels before anything is squared.

Accuracy: the variance is never negative, exactly 0 where the values are equal, and within 4 n 2^-52 of the true one,
relative; a covariance is as near, relative to the product of the two deviations. Outliers that left less than n values
ago may add 2^-100 of the square of their distance, and squares below 1e-300 lose digits. Values are numbers: a NaN
would stay until the sums are made anew.
"""

from typing import Any, Final

from streams.indicators.indicator import compiled
from streams.indicators.summation import add

ANCHOR: Final = 0
SUM: Final = 1
SQUARES: Final = 3
RUN: Final = 5
RING: Final = 6
"""Slots before the ring: a window over n values is RING + n slots long."""

CROSS: Final = 2
"""Slots of a pair beyond its two windows: it is 2 (RING + n) + CROSS long."""


def slots(period: int) -> int:
    """Slots of state that one window over `period` values takes."""
    return RING + period


def pair_slots(period: int) -> int:
    """Slots of state that the windows of two values at once take, for their covariance."""
    return 2 * slots(period) + CROSS


@compiled
def push(state: Any, at: int, count: int, value: float, period: int) -> None:
    """Take the `count`-th value (from 1) into the window that begins at `state[at]`, zeros before the first."""
    slot = (count - 1) % period
    ring = at + RING
    anchor = state[at + ANCHOR]
    same = count > 1 and value == state[ring + (slot + period - 1) % period]
    state[at + RUN] = state[at + RUN] + 1.0 if same else 1.0
    if slot == 0:
        state[at + ANCHOR] = value
        state[at + SUM : at + RUN] = 0.0
        if count > 1:
            for other in range(ring + 1, ring + period):
                _take(state, at, state[other] - value)
    else:
        if count > period:
            old = state[ring + slot] - anchor
            add(state, at + SUM, -old)
            add(state, at + SQUARES, -(old * old))
        _take(state, at, value - anchor)
    state[ring + slot] = value


@compiled
def _take(state: Any, at: int, distance: float) -> None:
    """Add one distance from the anchor to both sums."""
    add(state, at + SUM, distance)
    add(state, at + SQUARES, distance * distance)


@compiled
def flat(state: Any, at: int, count: int, period: int) -> bool:
    """Whether all values of the window are equal, after `count` of them.

    The run of equal values says so exactly; the sums may keep a last residue of what left.
    """
    length = min(count, period)
    return bool(state[at + RUN] >= length)


@compiled
def distance(state: Any, at: int, count: int, period: int) -> float:
    """Mean of the window's values less its anchor: what to take from `value - anchor` for a distance from the mean."""
    if flat(state, at, count, period):
        return 0.0
    moved: float = (state[at + SUM] + state[at + SUM + 1]) / min(count, period)
    return moved


@compiled
def mean(state: Any, at: int, count: int, period: int) -> float:
    """Mean of the last `period` values, or of as many as there are, after `count` of them."""
    average: float = state[at + ANCHOR] + distance(state, at, count, period)
    return average


@compiled
def variance(state: Any, at: int, count: int, period: int) -> float:
    """Population variance (divided by the number of values) of the window, after `count` values."""
    if flat(state, at, count, period):
        return 0.0
    length = min(count, period)
    total = state[at + SUM] + state[at + SUM + 1]
    squares = state[at + SQUARES] + state[at + SQUARES + 1]
    spread: float = max((squares - total * (total / length)) / length, 0.0)
    return spread


@compiled
def push_pair(state: Any, at: int, count: int, x: float, y: float, period: int) -> None:
    """Take the `count`-th pair: `x` into the window at `at`, `y` into the one at `at + RING + period`."""
    slot = (count - 1) % period
    other = at + RING + period
    cross = other + RING + period
    x_ring = at + RING
    y_ring = other + RING
    if slot == 0:
        state[cross : cross + CROSS] = 0.0
        if count > 1:
            for i in range(1, period):
                add(state, cross, (state[x_ring + i] - x) * (state[y_ring + i] - y))
    else:
        x_anchor = state[at + ANCHOR]
        y_anchor = state[other + ANCHOR]
        if count > period:
            add(state, cross, -((state[x_ring + slot] - x_anchor) * (state[y_ring + slot] - y_anchor)))
        add(state, cross, (x - x_anchor) * (y - y_anchor))
    push(state, at, count, x, period)
    push(state, other, count, y, period)


@compiled
def covariance(state: Any, at: int, count: int, period: int) -> float:
    """Population covariance of the pairs of the window, after `count` of them; 0 where either is flat."""
    other = at + RING + period
    cross = other + RING + period
    if flat(state, at, count, period) or flat(state, other, count, period):
        return 0.0
    length = min(count, period)
    x_total = state[at + SUM] + state[at + SUM + 1]
    y_total = state[other + SUM] + state[other + SUM + 1]
    shared: float = ((state[cross] + state[cross + 1]) - x_total * (y_total / length)) / length
    return shared
