"""Compensated running sums: what rolling windows add to and take from."""

from typing import Any

from streams.indicators.indicator import compiled


@compiled
def add(state: Any, at: int, value: float) -> None:
    """Add `value` to the sum whose two parts are `state[at]` and `state[at + 1]`.

    Knuth's two-sum (The Art of Computer Programming 2, 4.2.2): the first part takes the rounded sum, the second
    gathers what the rounding lost, exactly. Their sum is off by some 2^-105 of the largest intermediate sum per
    addition, so that a large value which came and went leaves nothing behind.
    """
    before = state[at]
    after = before + value
    taken = after - before
    state[at] = after
    state[at + 1] += (before - (after - taken)) + (value - taken)
