"""Stochastic of the relative strength index.

`stochrsi_n_k_s_d` (most often `stochrsi_14_14_3_3`), without unit, 0 to 100:

- `stochrsi_k` = mean of the last `s` values of 100 (R - L) / (H - L): where R, the `rsi_n` of now, stands between the
  lowest L and the highest H of its last `k` values;
- `stochrsi_d` = mean of the last `d` values of `stochrsi_k`.

TA-Lib's STOCHRSI does not smooth K: its usual one is `stochrsi_14_5_1_3`. The paper's, from 0 to 1 and without means,
is `stochrsi_k` of `stochrsi_14_14_1_1`, divided by 100. n is 2 to 10,000, k, s and d are 1 to 10,000; always spelled
out.

- State: 4 k + s + d + 11 slots: the averages of the index and its value, its two extremes, the sums of the two means.
- Warm-up: n + k + s + d - 2 steps (trades or bars), both together.
- Flat market: 50, as `rsi_n` is. Also where H - L <= 1e-9: after a move the index of a market that stands still keeps
  its value up to rounding, and where it stands in that rounding means nothing. TA-Lib gives 0 where H - L is within
  2e-14 of the index, and otherwise what the rounding says.
- Accuracy: that of the index, some (n + 1) 2^-52 of 100, magnified by 100 / (H - L).
- Source: T. Chande and S. Kroll, The New Technical Trader (1994); TA-Lib's STOCHRSI where s = 1, but for the flat
  market.
"""

from typing import Any, Final

from streams.indicators import rolling, stochastic
from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.rolling import RING, push_sum
from streams.indicators.rsi import step as rsi_step
from streams.indicators.stochastic import place

INDEX: Final = 2
"""After the index's own slots: its value."""
SLOW: Final = 3
STILL: Final = 1e-9
"""The least range of the index, which goes from 0 to 100, that is one."""


@compiled
def step(state: Any, out: Any, count: int, close: float, previous: float, n: int, k: int, s: int, d: int) -> None:
    """Take one trade or bar."""
    rsi_step(state, state[INDEX:SLOW], count, close, previous, n)
    if count <= n:
        return
    index = state[INDEX]
    smoothed = SLOW + RING + s
    fast = place(state, smoothed + RING + d, count - n, index, index, index, k, STILL)
    if count < n + k:
        return
    slow = push_sum(state, SLOW, count - n - k + 1, fast, s) / s
    if count >= n + k + s - 1:
        out[0] = slow
        out[1] = push_sum(state, smoothed, count - n - k - s + 2, slow, d) / d


STOCHRSI: Final = Family(
    name="stochrsi",
    outputs=("stochrsi_k", "stochrsi_d"),
    parameters=(
        Parameter("n", 14, 2, 10_000),
        Parameter("k", 14, 1, 10_000),
        Parameter("s", 3, 1, 10_000),
        Parameter("d", 3, 1, 10_000),
    ),
    short=False,
    inputs=("count", "close", "previous"),
    state_size=lambda _n, k, s, d: SLOW + rolling.slots(s) + rolling.slots(d) + stochastic.slots(k),
    warmup=lambda n, k, s, d: (n + k + s + d - 2,) * 2,
    step=step,
    group="momentum",
)
