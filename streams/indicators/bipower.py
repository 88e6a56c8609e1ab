"""Bipower variation: the part of the realised variance that jumps do not make.

`bipower_n`, of the last n logarithmic returns r:

- `bipower` = (pi / 2) x n / (n - 1) x (sum of the n - 1 products |r_i| |r_(i-1)|), without unit, >= 0: a variance over
  the whole stretch as `rv_n`, not annualised;
- `jump_share` = max(0, 1 - bipower / rv), without unit, 0 to 1, with rv that of `rv_n`.

n is 2 to 10,000; always spelled out. Like `rv_n` it wants a regular grid, that is time bars (`bipower_30@1m`); on
trades it is trade by trade, where most of it is the bounce between bid and ask.

- State: 2 n + 4 slots: the last return's size and two rolling sums.
- Warm-up: n + 1 steps (trades or bars), both together.
- Flat market: `bipower` exactly 0.
- Undefined: `jump_share` where all n returns are 0: there is nothing to share.
- Accuracy: `bipower` within (n + 12) 2^-53, relative, after any number of steps; `jump_share` within (n + 12) 2^-52.
- Source: O. E. Barndorff-Nielsen and N. Shephard, Journal of Financial Econometrics 2 (2004), with the correction
  n / (n - 1) for the missing product.
"""

from math import nan, pi
from typing import Any, Final

from streams.indicators import rolling
from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.returns import log_return
from streams.indicators.rolling import RING, push_sum

LAST: Final = 0
SQUARES: Final = 1


@compiled
def step(state: Any, out: Any, count: int, close: float, previous: float, period: int) -> None:
    """Take one trade or bar."""
    if count == 1:
        return
    size = abs(log_return(previous, close))
    before = state[LAST]
    state[LAST] = size
    squares = push_sum(state, SQUARES, count - 1, size * size, period)
    if count == 2:
        return
    products = push_sum(state, SQUARES + RING + period, count - 2, size * before, period - 1)
    bipower = 0.5 * pi * (period / (period - 1.0)) * products
    out[0] = bipower
    out[1] = max(1.0 - bipower / squares, 0.0) if squares > 0.0 else nan


BIPOWER: Final = Family(
    name="bipower",
    outputs=("bipower", "jump_share"),
    parameters=(Parameter("period", 30, 2, 10_000),),
    short=False,
    inputs=("count", "close", "previous"),
    state_size=lambda period: SQUARES + rolling.slots(period) + rolling.slots(period - 1),
    warmup=lambda period: (period + 1,) * 2,
    step=step,
    group="volatility",
)
