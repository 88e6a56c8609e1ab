"""Slow stochastic oscillator.

`stoch_k_s_d` (most often `stoch_14_3_3`; TA-Lib's usual one is `stoch_5_3_3`), without unit, 0 to 100:

- `slowk` = mean of the last `s` values of 100 (C - L) / (H - L): where the last price stands between the lowest low L
  and the highest high H of the last `k` steps (trades or bars);
- `slowd` = mean of the last `d` values of `slowk`.

k, s and d are 1 to 10,000; always spelled out.

- State: 4 k + s + d + 8 slots: the two extremes and the sums of the two means.
- Warm-up: k + s + d - 2 steps, both together.
- Flat market (H - L within 2e-14 of the price, that is rounding): 50 goes into the means, where TA-Lib takes 0: in a
  range that is none, a price is neither high nor low.
- Accuracy: within (s + d) 2^-52 of the true value, relative.
- Source: G. Lane (1950s); TA-Lib's STOCH with simple averages, but for the flat market.
"""

from typing import Any, Final

from streams.indicators import rolling, stochastic
from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.rolling import RING, push_sum
from streams.indicators.stochastic import place

SLOW: Final = 0


@compiled
def step(state: Any, out: Any, count: int, high: float, low: float, close: float, k: int, s: int, d: int) -> None:
    """Take one trade or bar."""
    smoothed = SLOW + RING + s
    fast = place(state, smoothed + RING + d, count, high, low, close, k, 0.0)
    if count < k:
        return
    slow = push_sum(state, SLOW, count - k + 1, fast, s) / s
    if count >= k + s - 1:
        out[0] = slow
        out[1] = push_sum(state, smoothed, count - k - s + 2, slow, d) / d


STOCH: Final = Family(
    name="stoch",
    outputs=("slowk", "slowd"),
    parameters=(Parameter("k", 14, 1, 10_000), Parameter("s", 3, 1, 10_000), Parameter("d", 3, 1, 10_000)),
    short=False,
    inputs=("count", "high", "low", "close"),
    state_size=lambda k, s, d: rolling.slots(s) + rolling.slots(d) + stochastic.slots(k),
    warmup=lambda k, s, d: (k + s + d - 2,) * 2,
    step=step,
    group="momentum",
)
