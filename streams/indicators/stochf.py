"""Fast stochastic oscillator.

`stochf_k_d`, without unit, 0 to 100:

- `fastk` = 100 (C - L) / (H - L): where the last price stands between the lowest low L and the highest high H of the
  last `k` steps (trades or bars);
- `fastd` = mean of the last `d` values of `fastk`.

k and d are 1 to 10,000; always spelled out.

- State: 4 k + d + 6 slots: the two extremes and the sum of the mean.
- Warm-up: k + d - 1 steps, both together.
- Flat market (H - L within 2e-14 of the price, that is rounding): `fastk` is 50, where TA-Lib gives 0: in a range that
  is none, a price is neither high nor low.
- Accuracy: `fastk` within three roundings; `fastd` within d 2^-52, relative.
- Source: G. Lane (1950s); TA-Lib's STOCHF with simple averages, but for the flat market.
"""

from typing import Any, Final

from streams.indicators import rolling, stochastic
from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.rolling import RING, push_sum
from streams.indicators.stochastic import place

SUM: Final = 0


@compiled
def step(state: Any, out: Any, count: int, high: float, low: float, close: float, k: int, d: int) -> None:
    """Take one trade or bar."""
    fast = place(state, SUM + RING + d, count, high, low, close, k, 0.0)
    if count >= k:
        out[0] = fast
        out[1] = push_sum(state, SUM, count - k + 1, fast, d) / d


STOCHF: Final = Family(
    name="stochf",
    outputs=("fastk", "fastd"),
    parameters=(Parameter("k", 5, 1, 10_000), Parameter("d", 3, 1, 10_000)),
    short=False,
    inputs=("count", "high", "low", "close"),
    state_size=lambda k, d: rolling.slots(d) + stochastic.slots(k),
    warmup=lambda k, d: (k + d - 1,) * 2,
    step=step,
    group="momentum",
)
