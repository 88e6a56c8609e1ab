"""Opening gap.

`opening_gap` (output `opening_gap_bps`) = 10,000 (first price of the session - last price before it) / last price
before it, in basis points, the same through the session. Sessions are those of the exchange calendar; what trades
outside of sessions counts towards the session before, so that its last price is the last one before the open. On bars
the first price is the open of the session's first bar.

- State: 1 slot, the session; the gap stands in the output.
- Warm-up: 1 trade.
- Flat market: 0.
- Undefined: until the first open that has a price before it.
- Accuracy: within 2^-52, relative.
- Source: the plain ratio.
"""

from math import nan
from typing import Any, Final

from streams.indicators.indicator import Family, compiled

SESSION: Final = 0


@compiled
def step(state: Any, out: Any, count: int, open_: float, previous: float, session: int) -> None:
    """Take one trade or bar."""
    if count == 1:
        state[SESSION] = session
        out[0] = nan
    elif session != 0 and session != state[SESSION]:
        state[SESSION] = session
        out[0] = 1e4 * ((open_ - previous) / previous)


OPENING_GAP: Final = Family(
    name="opening_gap",
    outputs=("opening_gap_bps",),
    parameters=(),
    short=True,
    inputs=("count", "open", "previous", "session"),
    state_size=lambda: 1,
    warmup=lambda: (1,),
    step=step,
    group="context",
)
