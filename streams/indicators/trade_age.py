"""Time since the last trade.

`trade_age`, in seconds of event time, >= 0: 0 at a tick that is a trade.

- State: none; the time of the last trade stands in the symbol's row.
- Warm-up: 1 tick.
- Flat market: the price plays no part.
- Undefined: before the first trade.
- Source: the plain difference.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, compiled


@compiled
def step(_state: Any, out: Any, since_trade: float) -> None:
    """Take one tick."""
    out[0] = since_trade


TRADE_AGE: Final = Family(
    name="trade_age",
    outputs=("trade_age",),
    parameters=(),
    short=True,
    inputs=("since_trade",),
    state_size=lambda: 0,
    warmup=lambda: (1,),
    step=step,
    group="microstructure",
    on="tick",
)
