"""Average true range.

`atr_n`: Wilder's average of the true ranges max(high, close before) - min(low, close before), in units of price, >= 0:
started with the mean of the first n, then a += (x - a) / n. The first bar has no close before it and is left out. Of
trades it averages the sizes of the changes. n is 2 to 10,000; always spelled out.

- State: 1 slot, the average.
- Warm-up: n + 1 steps (trades or bars).
- Flat market: 0 where it was always flat; after a move it fades, and is 0 below 1e-250.
- Accuracy: within some (n + 1) 2^-52, relative.
- Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib's ATR.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.ranges import true_range
from streams.indicators.smoothing import smooth


@compiled
def step(state: Any, out: Any, count: int, high: float, low: float, previous: float, period: int) -> None:
    """Take one trade or bar."""
    if count == 1:
        return
    state[0] = smooth(state[0], count - 1, true_range(high, low, previous), period, 1.0 / period)
    out[0] = state[0]


ATR: Final = Family(
    name="atr",
    outputs=("atr",),
    parameters=(Parameter("period", 14, 2, 10_000),),
    short=False,
    inputs=("count", "high", "low", "previous"),
    state_size=lambda _period: 1,
    warmup=lambda period: (period + 1,),
    step=step,
    group="volatility",
)
