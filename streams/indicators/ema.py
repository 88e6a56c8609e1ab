"""Exponential moving average.

`ema_n`: e += 2 / (n + 1) * (price - e) at every trade, in units of price, started with the mean of the first n
prices. n is 2 to 10,000; always spelled out.

- State: 1 slot, the average.
- Warm-up: n trades.
- Flat market: exactly that price.
- Source: TA-Lib's EMA (its default compatibility).
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.smoothing import smooth


@compiled
def step(state: Any, out: Any, count: int, close: float, period: int) -> None:
    """Take one trade."""
    state[0] = smooth(state[0], count, close, period, 2.0 / (period + 1))
    out[0] = state[0]


EMA: Final = Family(
    name="ema",
    outputs=("ema",),
    parameters=(Parameter("period", 12, 2, 10_000),),
    short=False,
    inputs=("count", "close"),
    state_size=lambda _period: 1,
    warmup=lambda period: (period,),
    step=step,
    group="trend",
)
