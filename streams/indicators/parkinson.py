"""Parkinson's variance from highs and lows.

`parkinson_n` = mean of (ln(H / L))^2 / (4 ln 2) over the last n bars, without unit, >= 0: a variance per bar, whose
root is the volatility per bar; not annualised. Five times as efficient as the squared return where prices move without
drift and without jumps between bars; bars of few trades make it too small. n is 1 to 10,000; always spelled out.

- State: n + 2 slots, a rolling sum.
- Warm-up: n steps. It is for bars (`parkinson_20@1m`): of single trades, whose high is their low, it is 0.
- Flat market: exactly 0.
- Accuracy: within (n + 10) 2^-53, relative, after any number of bars and at any level of the price.
- Source: M. Parkinson, Journal of Business 53 (1980).
"""

from math import log
from typing import Any, Final

from streams.indicators import rolling
from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.returns import log_return
from streams.indicators.rolling import push_sum

SCALE: Final = 4.0 * log(2.0)


@compiled
def step(state: Any, out: Any, count: int, high: float, low: float, period: int) -> None:
    """Take one bar."""
    reach = log_return(low, high)
    out[0] = push_sum(state, 0, count, reach * reach, period) / (SCALE * period)


PARKINSON: Final = Family(
    name="parkinson",
    outputs=("parkinson",),
    parameters=(Parameter("period", 20, 1, 10_000),),
    short=False,
    inputs=("count", "high", "low"),
    state_size=rolling.slots,
    warmup=lambda period: (period,),
    step=step,
    group="volatility",
)
