"""Weighted moving average.

`wma_n` = sum of w p / (n (n + 1) / 2) over the prices p of the last n trades, in units of price: the newest has the
weight w = n, the one before n - 1, the oldest 1. n is 2 to 10,000; always spelled out.

- State: n + 5 slots: anchor, the two parts each of the sum of (price - anchor) and of its sum by place, ring of the
  last n prices.
- Warm-up: n trades.
- Flat market: exactly that price (unless one 1e15 times as large left less than n trades ago).
- Accuracy: within one unit in the last place of the true average plus four of the window's range, after any number of
  trades: the sums are compensated, and made anew every n trades. A
  price that left may add 2^-100 of its distance, for n trades at most.
- Source: the arithmetic mean with linear weights; TA-Lib's WMA.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.weighted import push_weighted, slots


@compiled
def step(state: Any, out: Any, count: int, close: float, period: int) -> None:
    """Take one trade."""
    out[0] = push_weighted(state, 0, count, close, period)


WMA: Final = Family(
    name="wma",
    outputs=("wma",),
    parameters=(Parameter("period", 20, 2, 10_000),),
    short=False,
    inputs=("count", "close"),
    state_size=slots,
    warmup=lambda period: (period,),
    step=step,
    group="trend",
)
