"""Middle of the quote.

`mid` = (bid + ask) / 2, in units of price; of a locked quote that price, of a crossed one the middle all the same.

- State: none.
- Warm-up: 1 quote.
- Flat market (the same quote again): the same value.
- Source: the plain mean.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, compiled


@compiled
def step(_state: Any, out: Any, bid: float, ask: float) -> None:
    """Take one quote."""
    out[0] = bid + (ask - bid) / 2.0


MID: Final = Family(
    name="mid",
    outputs=("mid",),
    parameters=(),
    short=True,
    inputs=("bid", "ask"),
    state_size=lambda: 0,
    warmup=lambda: (1,),
    step=step,
    group="microstructure",
    on="quote",
    needs=("quote",),
)
