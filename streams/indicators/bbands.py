"""Bollinger bands.

`bbands` (20, 2) or `bbands_n_k`: with m the mean and s the population deviation (divisor n) of the prices of the last
n trades,

- `bb_upper` = m + k s, `bb_middle` = m, `bb_lower` = m - k s, in units of price;
- `bb_percent_b` = (price - lower) / (upper - lower), without unit: 0 on the lower band, 1 on the upper, may be outside;
- `bb_bandwidth` = (upper - lower) / middle, a fraction (0.01 is one per cent), >= 0.

n is 2 to 10,000, k is 0.01 to 100.

- State: n + 6 slots: anchor, the two parts each of the sums of d and of d^2 where d = price - anchor, run of equal
  prices, ring of the last n prices.
- Warm-up: n trades, all five together.
- Flat market (the last n prices are equal): upper = middle = lower = that price exactly, %B undefined (NaN), bandwidth
  0. %B is also undefined where the deviation is lost to underflow (moves below some 1e-160).
- Accuracy: the variance is never negative, and within 4 n 2^-52 of the true one, relative (s: half of that), after any
  number of trades, whatever the level of the price: the anchor is one of the window's prices, renewed with both sums
  every n trades, when the ring comes round. So the mean is at most s sqrt(n - 1) from the anchor, and the subtraction
  in the variance cancels at most a factor n. Bad ticks that left less than n trades ago may add 2^-100 of the square
  of their distance. %B and bandwidth are made from s, not from the rounded bands.
- Source: J. Bollinger, Bollinger on Bollinger Bands (2001); TA-Lib's BBANDS for the bands, whose own deviation comes
  from sums of squares and is zero below 1e-7.
"""

from math import nan, sqrt
from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.summation import add

ANCHOR: Final = 0
SUM: Final = 1
SQUARES: Final = 3
RUN: Final = 5
RING: Final = 6


@compiled
def step(state: Any, out: Any, count: int, close: float, previous: float, period: int, width: float) -> None:
    """Take one trade."""
    slot = (count - 1) % period
    anchor = state[ANCHOR]
    if slot == 0:
        anchor = close
        state[ANCHOR] = close
        state[SUM:RUN] = 0.0
        if count > 1:
            for other in range(RING + 1, RING + period):
                _take(state, state[other] - close)
    else:
        if count > period:
            old = state[RING + slot] - anchor
            add(state, SUM, -old)
            add(state, SQUARES, -(old * old))
        _take(state, close - anchor)
    state[RING + slot] = close
    state[RUN] = state[RUN] + 1.0 if close == previous else 1.0
    if count < period:
        return

    # The sums of a flat window may keep a last residue of what left it; the run says exactly that it is flat.
    flat = state[RUN] >= period
    total = 0.0 if flat else state[SUM] + state[SUM + 1]
    shift = total / period
    variance = 0.0 if flat else max(((state[SQUARES] + state[SQUARES + 1]) - total * shift) / period, 0.0)
    middle = anchor + shift
    half = width * sqrt(variance)
    out[0] = middle + half
    out[1] = middle
    out[2] = middle - half
    out[3] = 0.5 + ((close - anchor) - shift) / (2.0 * half) if half > 0.0 else nan
    out[4] = 2.0 * half / middle


@compiled
def _take(state: Any, distance: float) -> None:
    """Add one distance from the anchor to both sums."""
    add(state, SUM, distance)
    add(state, SQUARES, distance * distance)


BBANDS: Final = Family(
    name="bbands",
    outputs=("bb_upper", "bb_middle", "bb_lower", "bb_percent_b", "bb_bandwidth"),
    parameters=(Parameter("period", 20, 2, 10_000), Parameter("width", 2.0, 0.01, 100.0)),
    short=True,
    inputs=("count", "close", "previous"),
    state_size=lambda period, _width: RING + period,
    warmup=lambda period, _width: (period,) * 5,
    step=step,
    group="volatility",
)
