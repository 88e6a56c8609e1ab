"""Volume-synchronised probability of informed trading, by bulk classification.

`vpin_bulk_v_n_m`: as `vpin`, mean of |bought - sold| / v over the last n full volume buckets of v units of quantity,
without unit, 0 to 1, but bought and sold are told by the price: of the volume of each bar (or trade) the share
Phi(dp / s) is bought, where dp is the change of the close, s the population deviation of the last m changes, this one
included, and Phi the normal distribution function. Meant for bars (`vpin_bulk_10000_50_50@1m`). v is 1e-9 to 1e15, n 1
to 10,000, m 2 to 10,000; always spelled out.

The paper takes s from the whole sample, which nobody has while it happens; the last m changes are ours.

- State: n + m + 14 slots: the buckets as in `vpin`, and a window of moments.py.
- Warm-up: m + 1 bars; the volume of earlier ones fills no bucket.
- Flat market: changes of 0 are half bought and half sold: 0. Where the last m changes are equal and not 0, all is
  bought, or sold.
- Undefined: until n buckets are full.
- Accuracy: as `vpin`.
- Source: D. Easley, M. Lopez de Prado, M. O'Hara, Flow Toxicity and Liquidity in a High-frequency World (2012).
"""

from math import erf, sqrt
from typing import Any, Final

from streams.indicators import volume_buckets
from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.moments import RING, push, variance
from streams.indicators.moments import slots as moments_slots
from streams.indicators.volume_buckets import fill

ROOT_2: Final = sqrt(2.0)


@compiled
def step(
    state: Any,
    out: Any,
    count: int,
    close: float,
    previous: float,
    volume: float,
    size: float,
    buckets: int,
    period: int,
) -> None:
    """Take one bar or trade."""
    if count == 1:
        return
    change = close - previous
    push(state, 0, count - 1, change, period)
    if count <= period:
        return
    deviation = sqrt(variance(state, 0, count - 1, period))
    if change == 0.0:
        lean = 0.0
    elif deviation > 0.0:
        # 2 Phi(z) - 1: bought less sold.
        lean = erf(change / deviation / ROOT_2)
    else:
        lean = 1.0 if change > 0.0 else -1.0
    out[0] = fill(state, RING + period, volume, lean * volume, size, buckets)


VPIN_BULK: Final = Family(
    name="vpin_bulk",
    outputs=("vpin_bulk",),
    parameters=(
        Parameter("volume", 1000.0, 1e-9, 1e15),
        Parameter("buckets", 50, 1, 10_000),
        Parameter("period", 50, 2, 10_000),
    ),
    short=False,
    inputs=("count", "close", "previous", "volume"),
    state_size=lambda _size, buckets, period: moments_slots(period) + volume_buckets.slots(buckets),
    warmup=lambda _size, _buckets, period: (period + 1,),
    step=step,
    group="microstructure",
    needs=("size",),
)
