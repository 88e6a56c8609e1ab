"""Double exponential moving average.

`dema_n` = 2 a - b, in units of price: a is the exponential average of the price over n trades (see `ema`), b that of a,
started with the mean of the first n values of a. It lags less than a and may leave the range of the prices. n is 2 to
10,000; always spelled out.

- State: 2 slots, a and b.
- Warm-up: 2 n - 1 trades.
- Flat market: exactly that price.
- Accuracy: within 2 (n + 1) units in the last place of the highest price so far.
- Source: P. Mulloy, Smoothing Data with Faster Moving Averages (Stocks & Commodities, 1994); TA-Lib's DEMA (its
  default compatibility).
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.smoothing import smooth


@compiled
def step(state: Any, out: Any, count: int, close: float, period: int) -> None:
    """Take one trade."""
    weight = 2.0 / (period + 1)
    state[0] = smooth(state[0], count, close, period, weight)
    if count >= period:
        state[1] = smooth(state[1], count - period + 1, state[0], period, weight)
        out[0] = state[0] + (state[0] - state[1])


DEMA: Final = Family(
    name="dema",
    outputs=("dema",),
    parameters=(Parameter("period", 20, 2, 10_000),),
    short=False,
    inputs=("count", "close"),
    state_size=lambda _period: 2,
    warmup=lambda period: (2 * period - 1,),
    step=step,
    group="trend",
)
