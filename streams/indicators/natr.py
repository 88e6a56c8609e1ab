"""Normalised average true range.

`natr_n` = 100 `atr_n` / close, in per cent of the last price, >= 0. n is 2 to 10,000; always spelled out.

- State: 1 slot, the average.
- Warm-up: n + 1 steps (trades or bars).
- Flat market: 0 where it was always flat; after a move it fades.
- Accuracy: within some (n + 2) 2^-52, relative.
- Source: J. Forman, Stocks & Commodities 5/2006; TA-Lib's NATR.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.ranges import true_range
from streams.indicators.smoothing import smooth


@compiled
def step(state: Any, out: Any, count: int, high: float, low: float, close: float, previous: float, period: int) -> None:
    """Take one trade or bar."""
    if count == 1:
        return
    state[0] = smooth(state[0], count - 1, true_range(high, low, previous), period, 1.0 / period)
    out[0] = 100.0 * (state[0] / close)


NATR: Final = Family(
    name="natr",
    outputs=("natr",),
    parameters=(Parameter("period", 14, 2, 10_000),),
    short=False,
    inputs=("count", "high", "low", "close", "previous"),
    state_size=lambda _period: 1,
    warmup=lambda period: (period + 1,),
    step=step,
    group="volatility",
)
