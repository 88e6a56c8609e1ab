"""Realised variance.

`rv_n` = sum of the squares of the last n logarithmic returns, without unit, >= 0: the variance over the whole stretch
of n returns, not per return and not annualised; its root is the realised volatility of the stretch. n is 1 to 10,000;
always spelled out.

The estimator wants a regular grid: put it on time bars (`rv_30@1m` sums 30 returns of one minute, the last trade before
each end of a minute; minutes without a trade give no bar, and the return then spans them). On trades (`rv_300`) it sums
trade by trade, where most of it is the bounce between bid and ask.

- State: n + 2 slots, a rolling sum.
- Warm-up: n + 1 steps (trades or bars).
- Flat market: exactly 0.
- Accuracy: within (n + 8) 2^-53, relative, after any number of steps and at any level of the price.
- Source: O. E. Barndorff-Nielsen and N. Shephard, JRSS B 64 (2002); T. Andersen, T. Bollerslev, F. Diebold and P.
  Labys, Econometrica 71 (2003).
"""

from typing import Any, Final

from streams.indicators import rolling
from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.returns import log_return
from streams.indicators.rolling import push_sum


@compiled
def step(state: Any, out: Any, count: int, close: float, previous: float, period: int) -> None:
    """Take one trade or bar."""
    if count == 1:
        return
    change = log_return(previous, close)
    out[0] = push_sum(state, 0, count - 1, change * change, period)


RV: Final = Family(
    name="rv",
    outputs=("rv",),
    parameters=(Parameter("period", 30, 1, 10_000),),
    short=False,
    inputs=("count", "close", "previous"),
    state_size=rolling.slots,
    warmup=lambda period: (period + 1,),
    step=step,
    group="volatility",
)
