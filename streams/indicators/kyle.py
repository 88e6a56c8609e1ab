"""Kyle's lambda: how far a unit of signed volume moves the mid.

`kyle_n`, in units of price per unit of quantity: the slope of y on x by recursive least squares with an intercept and
the forgetting factor 1 - 1/n, where x is a trade's signed quantity and y the change of the mid from before that trade
to before the next one. Trades of unknown sign, and those without a mid before or after them, are left out. n is 2 to
100,000; always spelled out. Only on trades, whose sign it needs.

Kept are the weighted means and sums of squares and products about them, which give the same slope as the recursion
over a 2 x 2 covariance started without bound. That covariance grows without bound itself while the volume stands
still; these sums shrink.

- State: 8 slots: the mid and signed quantity of the trade before, how many pairs, their weight, the means of x and y,
  the sums of squares of x and of products.
- Warm-up: n + 1 trades (n pairs).
- Flat market (the mid stands still): 0.
- Undefined: until there are n pairs, and where the deviation of x is below 1e-8 of its mean: a volume that stands
  still says nothing about its price.
- Accuracy: measured against sixty digits at n = 50: within 1e-10, relative, where the mean of x is 1e6 times its
  deviation, and 1e-13 where it is 1e3 times.
- Source: A. Kyle, Continuous Auctions and Insider Trading (1985); the regression on signed volume as in J. Hasbrouck,
  Empirical Market Microstructure (2007); recursive least squares as in L. Ljung, System Identification (1999).
"""

from math import isnan, nan
from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.smoothing import NEGLIGIBLE

LAST_MID: Final = 0
LAST_SIGNED: Final = 1
PAIRS: Final = 2
WEIGHT: Final = 3
MEAN_X: Final = 4
MEAN_Y: Final = 5
SQUARES: Final = 6
PRODUCTS: Final = 7
SIZE: Final = 8

STILL: Final = 1e-16
"""Variance of x below this share of its mean's square is rounding."""


@compiled
def step(state: Any, out: Any, count: int, sign: int, volume: float, mid: float, period: int) -> None:
    """Take one trade."""
    if count > 1 and not isnan(state[LAST_SIGNED] + (mid - state[LAST_MID])):
        _learn(state, state[LAST_SIGNED], mid - state[LAST_MID], 1.0 - 1.0 / period)
    state[LAST_MID] = mid
    state[LAST_SIGNED] = sign * volume if sign != 0 else nan
    spread = state[SQUARES]
    still = spread <= STILL * state[WEIGHT] * (state[MEAN_X] * state[MEAN_X])
    out[0] = nan if state[PAIRS] < period or still else state[PRODUCTS] / spread


@compiled
def _learn(state: Any, x: float, y: float, keep: float) -> None:
    """Take one pair; of what was before, `keep` is kept."""
    weight = state[WEIGHT] * keep + 1.0
    x_off = x - state[MEAN_X]
    y_off = y - state[MEAN_Y]
    state[PAIRS] += 1.0
    state[WEIGHT] = weight
    state[MEAN_X] += x_off / weight
    state[MEAN_Y] += y_off / weight
    state[SQUARES] = state[SQUARES] * keep + x_off * (x - state[MEAN_X])
    state[PRODUCTS] = state[PRODUCTS] * keep + x_off * (y - state[MEAN_Y])
    for slot in range(MEAN_X, SIZE):
        if abs(state[slot]) < NEGLIGIBLE:
            state[slot] = 0.0


KYLE: Final = Family(
    name="kyle",
    outputs=("kyle",),
    parameters=(Parameter("period", 500, 2, 100_000),),
    short=False,
    inputs=("count", "sign", "volume", "mid"),
    state_size=lambda _period: SIZE,
    warmup=lambda period: (period + 1,),
    step=step,
    group="microstructure",
    needs=("quote", "size"),
)
