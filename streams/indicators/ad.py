"""Accumulation/distribution line.

`ad`, in units of quantity: the sum since the start of each bar's money flow, ((close - low) - (high - close)) /
(high - low) x volume, 0 of a bar without range. A single trade has no range: the line is of use on bars (`ad@1m`) and
stays 0 on trades. The level depends on the start; changes and slopes do not.

- State: 3 slots: the two parts of the sum, whether any volume ever came.
- Warm-up: 1 bar.
- Flat market: stays as it is.
- Undefined: until the first bar with a volume, where TA-Lib gives 0: a market without quantities has no money flow.
- Accuracy: the sum of the rounded money flows, rounded once, after any number of bars.
- Source: M. Chaikin; TA-Lib's AD.
"""

from math import nan
from typing import Any, Final

from streams.indicators.indicator import Family, compiled
from streams.indicators.money_flow import money_flow
from streams.indicators.summation import add

SUM: Final = 0
SEEN: Final = 2


@compiled
def step(state: Any, out: Any, high: float, low: float, close: float, volume: float) -> None:
    """Take one bar."""
    if volume > 0.0:
        state[SEEN] = 1.0
    add(state, SUM, money_flow(high, low, close, volume))
    out[0] = state[SUM] + state[SUM + 1] if state[SEEN] > 0.0 else nan


AD: Final = Family(
    name="ad",
    outputs=("ad",),
    parameters=(),
    short=True,
    inputs=("high", "low", "close", "volume"),
    state_size=lambda: 3,
    warmup=lambda: (1,),
    step=step,
    group="volume",
    needs=("size",),
)
