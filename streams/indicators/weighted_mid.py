"""Middle of the quote, weighted by the sizes.

`weighted_mid` = (qb a + qa b) / (qb + qa), in units of price, from bid b to ask a: the size of the OTHER side weighs,
so that it lies near the ask where the bid's queue qb is long. It is not the microprice, which is fitted (see
`microprice`).

- State: none.
- Warm-up: 1 quote.
- Flat market (the same quote again): the same value.
- Undefined: where both sizes are 0, or either is not sent.
- Source: as in S. Stoikov, The Micro-Price (2018), section 1.
"""

from typing import Any, Final

from streams.indicators.imbalance import imbalance
from streams.indicators.indicator import Family, compiled


@compiled
def step(_state: Any, out: Any, bid: float, ask: float, bid_size: float, ask_size: float) -> None:
    """Take one quote."""
    half = (ask - bid) / 2.0
    out[0] = (bid + half) + half * imbalance(bid_size, ask_size)


WEIGHTED_MID: Final = Family(
    name="weighted_mid",
    outputs=("weighted_mid",),
    parameters=(),
    short=True,
    inputs=("bid", "ask", "bid_size", "ask_size"),
    state_size=lambda: 0,
    warmup=lambda: (1,),
    step=step,
    group="microstructure",
    on="quote",
    needs=("quote", "size"),
)
