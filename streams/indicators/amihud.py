"""Amihud's illiquidity.

`amihud_n`: mean of |return| / (price x quantity) over the last n bars (or trades), in 1 per unit of the quote currency:
how far a unit of turnover moves the price; the return is close / previous close - 1. Bars without volume are left out
of the mean. n is 1 to 10,000; always spelled out. Not scaled: customary figures are a million times as large.

- State: 2 n + 4 slots: rolling sums of the ratios and of how many there are.
- Warm-up: n + 1 bars (n returns).
- Flat market: 0.
- Undefined: where none of the last n bars has a volume.
- Accuracy: within (n + 4) 2^-52, relative, after any number of bars.
- Source: Y. Amihud, Illiquidity and Stock Returns (2002), with bars for its days.
"""

from math import nan
from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.rolling import RING, push_sum, slots


@compiled
def step(state: Any, out: Any, count: int, close: float, previous: float, dollars: float, period: int) -> None:
    """Take one bar or trade."""
    if count == 1:
        return
    traded = dollars > 0.0
    ratio = abs(close - previous) / previous / dollars if traded else 0.0
    total = push_sum(state, 0, count - 1, ratio, period)
    bars = push_sum(state, RING + period, count - 1, 1.0 if traded else 0.0, period)
    out[0] = total / bars if bars > 0.0 else nan


AMIHUD: Final = Family(
    name="amihud",
    outputs=("amihud",),
    parameters=(Parameter("period", 20, 1, 10_000),),
    short=False,
    inputs=("count", "close", "previous", "dollars"),
    state_size=lambda period: 2 * slots(period),
    warmup=lambda period: (period + 1,),
    step=step,
    group="microstructure",
    needs=("size",),
)
