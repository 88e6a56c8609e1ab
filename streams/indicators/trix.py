"""Rate of change of a triple exponential average.

`trix_n` = 100 (e - f) / f, in per cent: e is the `ema_n` of the `ema_n` of the `ema_n` of the prices, f the same one
step (trade or bar) before. Each average is started with the mean of the first n values of the one below it. n is 2 to
10,000; always spelled out.

- State: 3 slots, the averages.
- Warm-up: 3 n - 1 steps.
- Flat market: 0 where it was always flat; after a move it fades, to within rounding of 0.
- Accuracy: that of its averages: some 100 (n + 1) 2^-52, absolute; after a bad tick times its ratio to the
  price, until the averages have forgotten it.
- Source: J. Hutson, Good TRIX, Stocks & Commodities 1 (1983); TA-Lib's TRIX, which fixes the start.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.smoothing import smooth


@compiled
def step(state: Any, out: Any, count: int, close: float, period: int) -> None:
    """Take one trade or bar."""
    weight = 2.0 / (period + 1)
    before = state[2]
    value = close
    for order in range(3):
        taken = count - order * (period - 1)
        if taken < 1:
            return
        state[order] = smooth(state[order], taken, value, period, weight)
        value = state[order]
    out[0] = 100.0 * ((value - before) / before)


TRIX: Final = Family(
    name="trix",
    outputs=("trix",),
    parameters=(Parameter("period", 15, 2, 10_000),),
    short=False,
    inputs=("count", "close"),
    state_size=lambda _period: 3,
    warmup=lambda period: (3 * period - 1,),
    step=step,
    group="momentum",
)
