"""Dollar volume.

`dollar_volume_n`: sum of price x quantity over the last n trades (or bars), in units of the quote currency, >= 0. n is
1 to 10,000; always spelled out.

- State: n + 3 slots: whether any quantity ever came, a rolling sum.
- Warm-up: n trades.
- Flat market: price x the sum of the quantities.
- Undefined: until the first trade with a quantity; from then on n trades without one give 0.
- Accuracy: within n 2^-52, relative, after any number of trades.
- Source: the plain sum.
"""

from math import nan
from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.rolling import push_sum, slots

SEEN: Final = 0
SUM: Final = 1


@compiled
def step(state: Any, out: Any, count: int, dollars: float, period: int) -> None:
    """Take one trade or bar."""
    if dollars > 0.0:
        state[SEEN] = 1.0
    total = push_sum(state, SUM, count, dollars, period)
    out[0] = total if state[SEEN] > 0.0 else nan


DOLLAR_VOLUME: Final = Family(
    name="dollar_volume",
    outputs=("dollar_volume",),
    parameters=(Parameter("period", 20, 1, 10_000),),
    short=False,
    inputs=("count", "dollars"),
    state_size=lambda period: SUM + slots(period),
    warmup=lambda period: (period,),
    step=step,
    group="volume",
    needs=("size",),
)
