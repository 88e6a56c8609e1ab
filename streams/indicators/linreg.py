"""Linear regression of the price on its place.

`linreg_n`: the straight line with the least squared distances through the prices of the last n trades, one trade apart:

- `linreg` = its value at the newest trade, in units of price;
- `linreg_slope` = its rise per trade, in units of price;
- `linreg_intercept` = its value at the oldest of the n trades, in units of price;
- `linreg_r2` = R^2, the share of the variance that the line explains, without unit, 0 to 1.

With x the place of a trade less the middle place, S = sum of x p over the prices p and s the population deviation:
slope = 12 S / (n (n^2 - 1)), R^2 = slope S / (n s^2), and the ends are mean +- slope (n - 1) / 2. n is 2 to 10,000;
always spelled out.

- State: n + 8 slots: a window of `moments` (anchor, sums, ring of the last n prices), and the two parts of the sum of
  (price - anchor) by place in the ring.
- Warm-up: n trades, all four together.
- Flat market (the last n prices are equal): the ends are that price exactly, the slope is 0.
- Undefined: R^2 in a flat market, and where the variance is lost to underflow (moves below some 1e-160): NaN.
- Accuracy: slope (n - 1) within 2^-46 of the window's range, the ends within that and one unit in their last place,
  R^2 within n 2^-46, after any number of trades: the sums are compensated, and made anew from the newest price every n
  trades. Bad ticks that left less than n trades ago may add 2^-100 of the square of their distance to the variance.
- Source: least squares; TA-Lib's LINEARREG, LINEARREG_SLOPE and LINEARREG_INTERCEPT, whose plain sums lose the digits
  of small moves at a high price. TA-Lib has no R^2; it is the square of Pearson's correlation of price and place.
"""

from math import nan
from typing import Any, Final

from streams.indicators import moments
from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.moments import ANCHOR, RING, distance, flat, push, variance
from streams.indicators.summation import add


@compiled
def step(state: Any, out: Any, count: int, close: float, period: int) -> None:
    """Take one trade."""
    slot = (count - 1) % period
    placed = RING + period
    # The places of the round before are negative. A price leaves with the product with which it came.
    if slot == 0:
        state[placed] = 0.0
        state[placed + 1] = 0.0
        if count > 1:
            for other in range(1, period):
                add(state, placed, (other - period) * (state[RING + other] - close))
    else:
        if count > period:
            add(state, placed, -((slot - period) * (state[RING + slot] - state[ANCHOR])))
        add(state, placed, slot * (close - state[ANCHOR]))
    push(state, 0, count, close, period)
    if count < period:
        return

    shift = distance(state, 0, count, period)
    mean = state[ANCHOR] + shift
    if flat(state, 0, count, period):
        out[0] = mean
        out[1] = 0.0
        out[2] = mean
        out[3] = nan
        return
    half = 0.5 * (period - 1)
    product = (state[placed] + state[placed + 1]) + (half - slot) * (shift * period)
    slope = 12.0 * product / (period * (period * period - 1.0))
    spread = variance(state, 0, count, period)
    out[0] = state[ANCHOR] + (shift + slope * half)
    out[1] = slope
    out[2] = state[ANCHOR] + (shift - slope * half)
    out[3] = min(slope * (product / period) / spread, 1.0) if spread > 0.0 else nan


LINREG: Final = Family(
    name="linreg",
    outputs=("linreg", "linreg_slope", "linreg_intercept", "linreg_r2"),
    parameters=(Parameter("period", 14, 2, 10_000),),
    short=False,
    inputs=("count", "close"),
    state_size=lambda period: moments.slots(period) + 2,
    warmup=lambda period: (period,) * 4,
    step=step,
    group="trend",
)
