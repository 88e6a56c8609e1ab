"""Volume-weighted moving average.

`vwma_n` = sum of p v / sum of v over the last n trades, in units of price: p is the price, v the quantity. A trade
without a known quantity weighs nothing. n is 2 to 10,000; always spelled out.

- State: 2 n + 6 slots: anchor, the two parts each of the sum of v and of v (p - anchor), how many of the trades have a
  quantity, rings of the last n prices and quantities.
- Warm-up: n trades.
- Flat market: exactly that price (unless trades 1e15 times as large left less than n trades ago).
- Undefined: NaN where none of the last n trades has a quantity above 0.
- Accuracy: within one unit in the last place of the true average plus four of the window's range, after any number of
  trades: the sums are compensated, and made anew every n trades. A trade that left may add 2^-100 of its v (p - anchor)
  over the sum of v, for n trades at most.
- Source: the weighted arithmetic mean; TA-Lib's VWMA, which without quantity in the window gives what its sums left.
"""

from math import nan
from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.summation import add

ANCHOR: Final = 0
WEIGHTS: Final = 1
WEIGHTED: Final = 3
TRADED: Final = 5
RING: Final = 6


@compiled
def step(state: Any, out: Any, count: int, close: float, volume: float, period: int) -> None:
    """Take one trade."""
    price_at = RING + (count - 1) % period
    weight_at = price_at + period
    if price_at == RING:
        state[ANCHOR] = close
        state[WEIGHTS:RING] = 0.0
        _take(state, volume, 0.0, 1.0)
        if count > 1:
            for other in range(RING + 1, RING + period):
                _take(state, state[other + period], state[other] - close, 1.0)
    else:
        anchor = state[ANCHOR]
        if count > period:
            _take(state, state[weight_at], state[price_at] - anchor, -1.0)
        _take(state, volume, close - anchor, 1.0)
    state[price_at] = close
    state[weight_at] = volume
    weights = state[WEIGHTS] + state[WEIGHTS + 1]
    if state[TRADED] > 0.0 and weights > 0.0:
        out[0] = state[ANCHOR] + (state[WEIGHTED] + state[WEIGHTED + 1]) / weights
    else:
        out[0] = nan


@compiled
def _take(state: Any, weight: float, distance: float, sign: float) -> None:
    """Add one trade to the sums, or take it away with `sign` -1. One whose quantity is 0 or NaN is in none."""
    if weight > 0.0:
        state[TRADED] += sign
        add(state, WEIGHTS, sign * weight)
        add(state, WEIGHTED, sign * (weight * distance))


VWMA: Final = Family(
    name="vwma",
    outputs=("vwma",),
    parameters=(Parameter("period", 20, 2, 10_000),),
    short=False,
    inputs=("count", "close", "volume"),
    state_size=lambda period: RING + 2 * period,
    warmup=lambda period: (period,),
    step=step,
    group="trend",
    needs=("size",),
)
