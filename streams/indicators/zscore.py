"""Standard score of the price.

`zscore_n` = (close - m) / s, without unit, within sqrt(n - 1) of 0: m is the mean and s the population deviation
(divisor n) of the last n closes, this one included. n is 2 to 10,000; always spelled out.

- State: n + 6 slots, a window of moments.py.
- Warm-up: n trades.
- Flat market (the last n closes are equal): undefined.
- Undefined: in a flat market, and where the deviation is lost to underflow (moves below some 1e-160).
- Accuracy: that of moments.py, within some 3 n 2^-52, relative to the larger of 1 and the score, whatever the level of
  the price.
- Source: the standard score; Bollinger's %B of `bbands_n_k` is 1/2 + zscore / (2 k).
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.moments import slots
from streams.indicators.standard_score import standard_score


@compiled
def step(state: Any, out: Any, count: int, close: float, period: int) -> None:
    """Take one trade or bar."""
    out[0] = standard_score(state, count, close, period)


ZSCORE: Final = Family(
    name="zscore",
    outputs=("zscore",),
    parameters=(Parameter("period", 20, 2, 10_000),),
    short=False,
    inputs=("count", "close"),
    state_size=slots,
    warmup=lambda period: (period,),
    step=step,
    group="context",
)
