"""Drawdown from the session's high.

`drawdown` = close / highest price of the session so far - 1, without unit, <= 0: -0.01 is one per cent below the high.
It starts anew with the first trade (or bar) of every session of the exchange calendar; a lunch break is part of its
session, and what trades outside of sessions counts towards the session before.

- State: 2 slots: session, highest price.
- Warm-up: 1 trade.
- Flat market: 0.
- Accuracy: within 2^-52, relative, however near the high.
- Source: the plain ratio.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, compiled

SESSION: Final = 0
HIGHEST: Final = 1


@compiled
def step(state: Any, out: Any, count: int, high: float, close: float, session: int) -> None:
    """Take one trade or bar."""
    if count == 1 or (session != 0 and session != state[SESSION]):
        state[SESSION] = session
        state[HIGHEST] = high
    highest = max(state[HIGHEST], high)
    state[HIGHEST] = highest
    out[0] = (close - highest) / highest


DRAWDOWN: Final = Family(
    name="drawdown",
    outputs=("drawdown",),
    parameters=(),
    short=True,
    inputs=("count", "high", "close", "session"),
    state_size=lambda: 2,
    warmup=lambda: (1,),
    step=step,
    group="context",
)
