"""Tillson's T3 moving average.

`t3_n_v`, in units of price: GD(GD(GD(price))), where GD(x) = (1 + v) EMA(x) - v EMA(EMA(x)) over n trades and v is the
volume factor (nothing to do with traded volume): with 0 GD is the plain average, with 1 `dema`'s. Multiplied out, with
six exponential averages in a chain, e1 of the price to e6, each started with the mean of the first n values of the one
before:

- `t3` = -v^3 e6 + 3 (v^2 + v^3) e5 - 3 (v + 2 v^2 + v^3) e4 + (1 + 3 v + 3 v^2 + v^3) e3.

n is 2 to 10,000, v is 0 to 1; always spelled out, usually `t3_5_0.7`.

- State: 6 slots, e1 to e6.
- Warm-up: 6 n - 5 trades.
- Flat market: exactly that price.
- Accuracy: within 60 (n + 1) units in the last place of the highest price so far.
- Source: T. Tillson, Better Moving Averages (Stocks & Commodities, 1998); TA-Lib's T3, which multiplies out like this
  and so starts each average once.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.smoothing import smooth

CHAIN: Final = 6


@compiled
def step(state: Any, out: Any, count: int, close: float, period: int, factor: float) -> None:
    """Take one trade."""
    weight = 2.0 / (period + 1)
    value = close
    for i in range(CHAIN):
        place = count - i * (period - 1)
        if place < 1:
            return
        value = smooth(state[i], place, value, period, weight)
        state[i] = value
    square = factor * factor
    cube = square * factor
    third = state[2]
    # The four weights sum to 1: taken as distances from one average, the level of the price does not enter.
    out[0] = third + (
        3.0 * (square + cube) * (state[4] - third)
        - cube * (state[5] - third)
        - 3.0 * (factor + 2.0 * square + cube) * (state[3] - third)
    )


T3: Final = Family(
    name="t3",
    outputs=("t3",),
    parameters=(Parameter("period", 5, 2, 10_000), Parameter("factor", 0.7, 0.0, 1.0)),
    short=False,
    inputs=("count", "close"),
    state_size=lambda _period, _factor: CHAIN,
    warmup=lambda period, _factor: (6 * period - 5,),
    step=step,
    group="trend",
)
