"""Bid-ask spread of the quote.

`spread`, of a quote with bid b, ask a and mid m = (a + b) / 2:

- `spread` = a - b, in units of price, > 0;
- `spread_bps` = 10,000 (a - b) / m, in basis points of the mid;
- `spread_state`: 1 of a normal book, 0 of a locked one (a = b), -1 of a crossed one (a < b).

Locked and crossed are states of the book and no values: spread and bps are undefined then.

- State: none.
- Warm-up: 1 quote.
- Flat market (the same quote again): the same values.
- Undefined: `spread` and `spread_bps` of a locked or crossed quote.
- Source: the plain difference; the mid as the base, as in J. Hasbrouck, Empirical Market Microstructure (2007).
"""

from math import nan
from typing import Any, Final

from streams.indicators.indicator import Family, compiled


@compiled
def step(_state: Any, out: Any, bid: float, ask: float) -> None:
    """Take one quote."""
    width = ask - bid
    if width > 0.0:
        out[0] = width
        out[1] = 1e4 * (width / (bid + width / 2.0))
        out[2] = 1.0
    else:
        out[0] = nan
        out[1] = nan
        out[2] = 0.0 if width == 0.0 else -1.0


SPREAD: Final = Family(
    name="spread",
    outputs=("spread", "spread_bps", "spread_state"),
    parameters=(),
    short=True,
    inputs=("bid", "ask"),
    state_size=lambda: 0,
    warmup=lambda: (1, 1, 1),
    step=step,
    group="microstructure",
    on="quote",
    needs=("quote",),
)
