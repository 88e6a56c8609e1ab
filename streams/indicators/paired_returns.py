"""Returns of a symbol beside those of its reference: what beta and correlation are made from."""

from math import isnan, nan
from typing import Any, Final

from streams.indicators.indicator import compiled
from streams.indicators.moments import RING, pair_slots, push_pair
from streams.indicators.returns import log_return

REFERENCE: Final = 0
PAIRS: Final = 1
THEIRS: Final = 2
"""Where the pair of windows of moments.py begins: the reference's returns, then the symbol's own."""


def slots(period: int) -> int:
    """Slots of state: the last price of the reference, how many pairs there were, the pair of windows."""
    return THEIRS + pair_slots(period)


@compiled
def ours(period: int) -> int:
    """Where the window of the symbol's own returns begins."""
    return THEIRS + RING + period


@compiled
def push_returns(state: Any, count: int, close: float, previous: float, reference: float, period: int) -> int:
    """Take the step's two logarithmic returns, both from the step before, and return how many pairs there were.

    A step without a reference price now or before gives none.
    """
    before = state[REFERENCE] if count > 1 else nan
    state[REFERENCE] = reference
    if not isnan(before) and not isnan(reference):
        state[PAIRS] += 1.0
        theirs = log_return(before, reference)
        push_pair(state, THEIRS, int(state[PAIRS]), theirs, log_return(previous, close), period)
    return int(state[PAIRS])
