"""Gap flag: a silence between trades.

`gap_g`: 1 where more than g seconds of event time lie between the last trade and the one before it, at the tick of that
trade; between trades, 1 as soon as the last trade is more than g seconds ago; else 0. Closed hours and breaks count as
time: a session's first trade is flagged as well. g is 0.001 to 1,000,000 seconds; always spelled out.

- State: 1 slot, seconds since the last trade as of the last tick.
- Warm-up: 1 tick.
- Flat market: the price plays no part.
- Undefined: before the first trade; at the first trade it is 0.
- Source: the plain comparison. It is a feature of the market; what data went missing shows in the flag `gapped`.
"""

from math import isnan, nan
from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled

WAITED: Final = 0


@compiled
def step(state: Any, out: Any, count: int, dt: float, is_trade: int, since_trade: float, seconds: float) -> None:
    """Take one tick."""
    waited = since_trade
    if is_trade != 0:
        waited = state[WAITED] + dt if count > 1 else nan
    state[WAITED] = since_trade
    if isnan(since_trade):
        out[0] = nan
    else:
        out[0] = 1.0 if waited > seconds else 0.0


GAP: Final = Family(
    name="gap",
    outputs=("gap",),
    parameters=(Parameter("seconds", 60.0, 0.001, 1e6),),
    short=False,
    inputs=("count", "dt", "is_trade", "since_trade"),
    state_size=lambda _seconds: 1,
    warmup=lambda _seconds: (1,),
    step=step,
    group="context",
    on="tick",
)
