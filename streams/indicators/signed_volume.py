"""Signed volume.

`signed_volume_n`: quantity bought less quantity sold by the aggressor over the last n trades (or bars), in units of
quantity; a trade of unknown sign (see `trade_sign`) adds 0. n is 1 to 10,000; always spelled out.

- State: n + 3 slots: whether any quantity ever came, a rolling sum.
- Warm-up: n trades.
- Flat market: what the venue's flags and the quotes say; 0 where nothing tells the signs.
- Undefined: until the first trade with a quantity; from then on n trades without one give 0.
- Accuracy: within n 2^-52 of the quantity traded; exact for whole quantities.
- Source: the plain sum, with the signs of Lee and Ready (1991) where the venue gives none.
"""

from math import nan
from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.rolling import push_sum, slots

SEEN: Final = 0
SUM: Final = 1


@compiled
def step(state: Any, out: Any, count: int, volume: float, signed: float, period: int) -> None:
    """Take one trade or bar."""
    if volume > 0.0:
        state[SEEN] = 1.0
    net = push_sum(state, SUM, count, signed, period)
    out[0] = net if state[SEEN] > 0.0 else nan


SIGNED_VOLUME: Final = Family(
    name="signed_volume",
    outputs=("signed_volume",),
    parameters=(Parameter("period", 20, 1, 10_000),),
    short=False,
    inputs=("count", "volume", "signed"),
    state_size=lambda period: SUM + slots(period),
    warmup=lambda period: (period,),
    step=step,
    group="microstructure",
    needs=("size",),
)
