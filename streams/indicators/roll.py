"""Roll's implied spread.

`roll_n` = 2 sqrt(-c), in units of price: c is the population covariance (divisor n) of the last n price changes with
the changes before them; the bounce between bid and ask makes it negative. n is 2 to 10,000; always spelled out.

- State: 2 n + 15 slots: the last change, a pair of windows of moments.py.
- Warm-up: n + 2 trades (n pairs of changes).
- Flat market: 0.
- Undefined: where c is positive, as in a trend: there is no spread to be seen, which is not a spread of 0.
- Accuracy: c is within 4 n 2^-52 of the true one, relative to the variance of the changes.
- Source: R. Roll, A Simple Implicit Measure of the Effective Bid-Ask Spread (1984).
"""

from math import nan, sqrt
from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.moments import covariance, pair_slots, push_pair

LAST: Final = 0
PAIR: Final = 1


@compiled
def step(state: Any, out: Any, count: int, close: float, previous: float, period: int) -> None:
    """Take one trade or bar."""
    if count == 1:
        return
    change = close - previous
    if count > 2:
        pairs = count - 2
        push_pair(state, PAIR, pairs, change, state[LAST], period)
        shared = covariance(state, PAIR, pairs, period)
        out[0] = nan if shared > 0.0 else 2.0 * sqrt(-shared)
    state[LAST] = change


ROLL: Final = Family(
    name="roll",
    outputs=("roll",),
    parameters=(Parameter("period", 100, 2, 10_000),),
    short=False,
    inputs=("count", "close", "previous"),
    state_size=lambda period: PAIR + pair_slots(period),
    warmup=lambda period: (period + 2,),
    step=step,
    group="microstructure",
)
