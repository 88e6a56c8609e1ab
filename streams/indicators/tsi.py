"""True strength index.

`tsi_long_short` (most often `tsi_25_13`) = 100 A / B, without unit, -100 to 100: A is the `ema_short` of the `ema_long`
of the changes between steps (trades or bars), B the same of their sizes. Each average is started with the mean of the
first values of what it averages, as in `ema`. long and short are 2 to 10,000; always spelled out.

- State: 4 slots: both averages of the changes, both of their sizes.
- Warm-up: long + short steps.
- Flat market: 0 where it was always flat; after a move the index settles near its last value until the averages vanish
  (1e-250 and less), and is 0 from then on.
- Accuracy: within some (long + short) 2^-52 of 100.
- Source: W. Blau, True Strength Index, Stocks & Commodities 9 (1991). TA-Lib has none, so the start is ours; others
  start with the first change.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.smoothing import smooth

CHANGES: Final = 0
SIZES: Final = 2


@compiled
def step(state: Any, out: Any, count: int, close: float, previous: float, long: int, short: int) -> None:
    """Take one trade or bar."""
    if count == 1:
        return
    change = close - previous
    strength = _twice(state, CHANGES, count - 1, change, long, short)
    size = _twice(state, SIZES, count - 1, abs(change), long, short)
    out[0] = min(max(100.0 * (strength / size), -100.0), 100.0) if size > 0.0 else 0.0


@compiled
def _twice(state: Any, at: int, count: int, value: float, long: int, short: int) -> float:
    """Take the `count`-th value and return the average of averages, anything before its first."""
    state[at] = smooth(state[at], count, value, long, 2.0 / (long + 1))
    if count >= long:
        state[at + 1] = smooth(state[at + 1], count - long + 1, state[at], short, 2.0 / (short + 1))
    twice: float = state[at + 1]
    return twice


TSI: Final = Family(
    name="tsi",
    outputs=("tsi",),
    parameters=(Parameter("long", 25, 2, 10_000), Parameter("short", 13, 2, 10_000)),
    short=False,
    inputs=("count", "close", "previous"),
    state_size=lambda _long, _short: 4,
    warmup=lambda long, short: (long + short,),
    step=step,
    group="momentum",
)
