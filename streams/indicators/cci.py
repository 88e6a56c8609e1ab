"""Commodity channel index.

`cci_n` = (T - m) / (0.015 a), without unit, most often -100 to 100, never beyond n / 0.03: T is the last typical price
(high + low + close) / 3, m the mean of the last n and a the mean of their distances from m. n is 2 to 1,000, for every
step goes through the window twice; always spelled out.

- State: 2 n slots, ring of the last n typical prices: closes, and what is beyond the close.
- Warm-up: n steps (trades or bars).
- Flat market (a is within 1e-14 of the price): 0. So little is the rounding of prices, which are no binary fractions:
  bars of other shapes but one typical price have it.
- Accuracy: within n 2^-51 (67 + |cci|) at any level of the price, for only differences of prices are summed; bars
  whose range is r times a add r 2^-46.
- Source: D. Lambert, Commodities 10/1980; TA-Lib's CCI, whose means of prices lose what is below their rounding: at
  price 1e5 and moves of 1e-6 some five digits are left.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.rounding import ROUNDING


@compiled
def step(state: Any, out: Any, count: int, high: float, low: float, close: float, period: int) -> None:
    """Take one trade or bar."""
    slot = (count - 1) % period
    beyond = ((high - close) + (low - close)) / 3.0
    state[slot] = close
    state[period + slot] = beyond
    if count < period:
        return
    total = 0.0
    for i in range(period):
        total += (state[i] - close) + (state[period + i] - beyond)
    shift = total / period
    spread = 0.0
    for i in range(period):
        spread += abs((state[i] - close) + (state[period + i] - beyond) - shift)
    spread /= period
    out[0] = (0.0 - shift) / (0.015 * spread) if spread > ROUNDING * close else 0.0


CCI: Final = Family(
    name="cci",
    outputs=("cci",),
    parameters=(Parameter("period", 20, 2, 1_000),),
    short=False,
    inputs=("count", "high", "low", "close"),
    state_size=lambda period: 2 * period,
    warmup=lambda period: (period,),
    step=step,
    group="momentum",
)
