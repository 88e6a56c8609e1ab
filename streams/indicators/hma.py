"""Hull moving average.

`hma_n` = WMA over r of (2 WMA over h - WMA over n) of the price, in units of price, where h = n / 2 and r = sqrt(n),
both cut to whole numbers, and WMA is the weighted moving average over so many trades (see `wma`). It turns earlier
than its parts and may leave the range of the prices. n is 2 to 10,000; always spelled out.

- State: n + h + r + 15 slots, three windows of prices or of what is averaged.
- Warm-up: n + r - 1 trades.
- Flat market: exactly that price (unless one 1e15 times as large left less than n + r trades ago).
- Accuracy: within six units in the last place of the highest of the last n + r - 1 prices plus 24 of their range, after
  any number of trades.
- Source: A. Hull, Hull Moving Average (2005), with his whole parts where others round; TA-Lib's HMA.
"""

from math import isqrt, sqrt
from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.weighted import RING, push_weighted, slots


@compiled
def step(state: Any, out: Any, count: int, close: float, period: int) -> None:
    """Take one trade."""
    half = period // 2
    root = int(sqrt(period))
    short = push_weighted(state, 0, count, close, half)
    long_at = half + RING
    long = push_weighted(state, long_at, count, close, period)
    if count >= period:
        raised = short + (short - long)
        out[0] = push_weighted(state, long_at + period + RING, count - period + 1, raised, root)


HMA: Final = Family(
    name="hma",
    outputs=("hma",),
    parameters=(Parameter("period", 20, 2, 10_000),),
    short=False,
    inputs=("count", "close"),
    state_size=lambda period: slots(period // 2) + slots(period) + slots(isqrt(period)),
    warmup=lambda period: (period + isqrt(period) - 1,),
    step=step,
    group="trend",
)
