"""Williams' %R.

`willr_n` = 100 (C - H) / (H - L), without unit, -100 to 0: how far the last price is below the highest high H of the
last n steps (trades or bars), in units of their range; L is the lowest low. n is 2 to 10,000; always spelled out.

- State: 4 n + 4 slots, the two extremes.
- Warm-up: n steps.
- Flat market (H - L within 2e-14 of the price, that is rounding): -50, where TA-Lib gives 0, its most overbought: in a
  range that is none, a price is neither high nor low.
- Accuracy: within three roundings.
- Source: L. Williams, How I Made One Million Dollars (1973); TA-Lib's WILLR, but for the flat market.
"""

from typing import Any, Final

from streams.indicators import extremes
from streams.indicators.extremes import COUNTS, push_max, push_min
from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.rounding import differ


@compiled
def step(state: Any, out: Any, count: int, high: float, low: float, close: float, period: int) -> None:
    """Take one trade or bar."""
    highest = push_max(state, 0, count, high, period)
    lowest = push_min(state, COUNTS + 2 * period, count, low, period)
    if differ(highest, lowest):
        out[0] = 100.0 * ((close - highest) / (highest - lowest))
    else:
        out[0] = -50.0


WILLR: Final = Family(
    name="willr",
    outputs=("willr",),
    parameters=(Parameter("period", 14, 2, 10_000),),
    short=False,
    inputs=("count", "high", "low", "close"),
    state_size=lambda period: 2 * extremes.slots(period),
    warmup=lambda period: (period,),
    step=step,
    group="momentum",
)
