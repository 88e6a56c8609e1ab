"""Queue imbalance.

`queue_imbalance` = (qb - qa) / (qb + qa), without unit, -1 (nothing is bid) to 1 (nothing is offered): qb and qa are
the sizes at the best bid and ask.

- State: none.
- Warm-up: 1 quote.
- Flat market (the same quote again): the same value.
- Undefined: where both sizes are 0, or either is not sent.
- Source: M. Gould, J. Bonart, Queue Imbalance as a One-Tick-Ahead Price Predictor (2016).
"""

from typing import Any, Final

from streams.indicators.imbalance import imbalance
from streams.indicators.indicator import Family, compiled


@compiled
def step(_state: Any, out: Any, bid_size: float, ask_size: float) -> None:
    """Take one quote."""
    out[0] = imbalance(bid_size, ask_size)


QUEUE_IMBALANCE: Final = Family(
    name="queue_imbalance",
    outputs=("queue_imbalance",),
    parameters=(),
    short=True,
    inputs=("bid_size", "ask_size"),
    state_size=lambda: 0,
    warmup=lambda: (1,),
    step=step,
    group="microstructure",
    on="quote",
    needs=("quote", "size"),
)
