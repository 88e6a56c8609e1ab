"""Standard deviation.

`stddev_n`: population deviation (divisor n) of the prices of the last n steps (trades or bars), in units of price,
>= 0. n is 2 to 10,000; always spelled out.

- State: n + 6 slots: a window of moments.py.
- Warm-up: n steps.
- Flat market: exactly 0.
- Accuracy: within 2 n 2^-52, relative, after any number of steps and at any level of the price; bad ticks that left
  less than n steps ago may add 2^-100 of the square of their distance to the variance.
- Source: TA-Lib's STDDEV with nbdev 1, whose sums of squares cancel: at price 100 and moves of 1e-3 it has some five
  digits, below 1e-7 it gives 0.
"""

from math import sqrt
from typing import Any, Final

from streams.indicators import moments
from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.moments import push, variance


@compiled
def step(state: Any, out: Any, count: int, close: float, period: int) -> None:
    """Take one trade or bar."""
    push(state, 0, count, close, period)
    out[0] = sqrt(variance(state, 0, count, period))


STDDEV: Final = Family(
    name="stddev",
    outputs=("stddev",),
    parameters=(Parameter("period", 20, 2, 10_000),),
    short=False,
    inputs=("count", "close"),
    state_size=moments.slots,
    warmup=lambda period: (period,),
    step=step,
    group="volatility",
)
