"""Standard score of the volume.

`volume_z_n` = (volume - m) / s, without unit, within sqrt(n - 1) of 0: m is the mean and s the population deviation
(divisor n) of the volumes of the last n trades (or bars), this one included. n is 2 to 10,000; always spelled out.

- State: n + 6 slots, a window of moments.py.
- Warm-up: n trades.
- Flat market: the price plays no part.
- Undefined: where the last n volumes are equal.
- Accuracy: that of moments.py, within some 3 n 2^-52, relative to the larger of 1 and the score.
- Source: the standard score.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.moments import slots
from streams.indicators.standard_score import standard_score


@compiled
def step(state: Any, out: Any, count: int, volume: float, period: int) -> None:
    """Take one trade or bar."""
    out[0] = standard_score(state, count, volume, period)


VOLUME_Z: Final = Family(
    name="volume_z",
    outputs=("volume_z",),
    parameters=(Parameter("period", 20, 2, 10_000),),
    short=False,
    inputs=("count", "volume"),
    state_size=slots,
    warmup=lambda period: (period,),
    step=step,
    group="volume",
    needs=("size",),
)
