"""On-balance volume.

`obv`, in units of quantity: the volume of the first trade (or bar), from then on plus the volume where the close rose,
minus it where it fell, nothing where it is unchanged. The level says nothing, for it depends on the start; changes and
slopes do.

- State: 3 slots: the two parts of the sum, whether any volume ever came.
- Warm-up: 1 trade.
- Flat market: stays as it is.
- Undefined: until the first trade with a quantity, where TA-Lib gives 0: a market without quantities has no volume.
- Accuracy: the sum of the volumes, rounded once, after any number of trades.
- Source: J. Granville, New Key to Stock Market Profits (1963); TA-Lib's OBV, which starts with the first volume.
"""

from math import nan
from typing import Any, Final

from streams.indicators.indicator import Family, compiled
from streams.indicators.summation import add

SUM: Final = 0
SEEN: Final = 2


@compiled
def step(state: Any, out: Any, count: int, close: float, previous: float, volume: float) -> None:
    """Take one trade or bar."""
    if volume > 0.0:
        state[SEEN] = 1.0
    if count == 1 or close > previous:
        add(state, SUM, volume)
    elif close < previous:
        add(state, SUM, -volume)
    out[0] = state[SUM] + state[SUM + 1] if state[SEEN] > 0.0 else nan


OBV: Final = Family(
    name="obv",
    outputs=("obv",),
    parameters=(),
    short=True,
    inputs=("count", "close", "previous", "volume"),
    state_size=lambda: 3,
    warmup=lambda: (1,),
    step=step,
    group="volume",
    needs=("size",),
)
