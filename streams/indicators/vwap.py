"""Volume-weighted average price of the session.

`vwap`, with the trades (or closed bars) of the session so far:

- `vwap` = sum of price x quantity / sum of quantity, in units of price;
- `vwap_distance_bps` = 10,000 (close - vwap) / vwap, in basis points.

It starts anew with the first trade of every session of the exchange calendar, not at midnight UTC; a lunch break is
part of its session. What trades outside of sessions, such as a closing auction's print, counts towards the session
before.

- State: 6 slots: session, anchor (the session's first price), the two parts each of the sums of (price - anchor) x
  quantity and of quantity.
- Warm-up: 1 trade.
- Flat market: exactly that price, and 0 bps.
- Undefined: until the session has a trade with a quantity.
- Accuracy: of trades the level of the price cancels before anything is summed: the distance is within 8 x 2^-53 of the
  session's range / vwap, as a fraction, after any number of trades (of a range below the price). A bar with a range
  brings its price x quantity already rounded, and the average is within 2 units in the last place of the price.
- Source: Berkowitz, Logue, Noser, The Total Cost of Transactions on the NYSE (1988); the reset is ours as above.
"""

from math import nan
from typing import Any, Final

from streams.indicators.indicator import Family, compiled
from streams.indicators.summation import add

SESSION: Final = 0
ANCHOR: Final = 1
WEIGHTED: Final = 2
QUANTITY: Final = 4
SIZE: Final = 6


@compiled
def step(
    state: Any,
    out: Any,
    count: int,
    high: float,
    low: float,
    close: float,
    volume: float,
    dollars: float,
    session: int,
) -> None:
    """Take one trade or bar."""
    if count == 1 or (session != 0 and session != state[SESSION]):
        state[SESSION] = session
        state[ANCHOR] = close
        state[WEIGHTED:SIZE] = 0.0
    anchor = state[ANCHOR]
    # Of one price the product is made from the distance, which is exact; of a bar only the sum of products is known.
    add(state, WEIGHTED, (close - anchor) * volume if high == low else dollars - anchor * volume)
    add(state, QUANTITY, volume)
    quantity = state[QUANTITY] + state[QUANTITY + 1]
    if quantity > 0.0:
        shift = (state[WEIGHTED] + state[WEIGHTED + 1]) / quantity
        out[0] = anchor + shift
        out[1] = 1e4 * (((close - anchor) - shift) / out[0])
    else:
        out[0] = nan
        out[1] = nan


VWAP: Final = Family(
    name="vwap",
    outputs=("vwap", "vwap_distance_bps"),
    parameters=(),
    short=True,
    inputs=("count", "high", "low", "close", "volume", "dollars", "session"),
    state_size=lambda: SIZE,
    warmup=lambda: (1, 1),
    step=step,
    group="volume",
    needs=("size",),
)
