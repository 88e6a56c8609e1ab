"""Relative volume.

`rvol_n`: the volume / the mean volume of the last n trades (or bars), this one included, without unit, 0 to n; 1 is
the usual. n is 2 to 10,000; always spelled out.

- State: n + 2 slots, a rolling sum.
- Warm-up: n trades.
- Flat market: the price plays no part.
- Undefined: where none of the last n trades has a quantity.
- Accuracy: within n 2^-52, relative, after any number of trades.
- Source: the ratio as traders use it; the window includes the newest, so that it is bounded.
"""

from math import nan
from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.rolling import push_sum, slots


@compiled
def step(state: Any, out: Any, count: int, volume: float, period: int) -> None:
    """Take one trade or bar."""
    total = push_sum(state, 0, count, volume, period)
    out[0] = min(volume / total, 1.0) * period if total > 0.0 else nan


RVOL: Final = Family(
    name="rvol",
    outputs=("rvol",),
    parameters=(Parameter("period", 20, 2, 10_000),),
    short=False,
    inputs=("count", "volume"),
    state_size=slots,
    warmup=lambda period: (period,),
    step=step,
    group="volume",
    needs=("size",),
)
