"""Supertrend: a stop that trails the price by a multiple of the average true range.

`supertrend` (10, 3) or `supertrend_n_k` (a trade is a bar of one price). With ATR Wilder's average of the true range
over n bars (started with the mean of n true ranges, then a += (range - a) / n), there are two bands:

- upper: (high + low) / 2 + k ATR where that is below the upper band of the bar before, or that bar closed above its
  upper band; else the upper band stays;
- lower: (high + low) / 2 - k ATR where that is above the lower band of the bar before, or that bar closed below its
  lower band; else the lower band stays.

The outputs are

- `supertrend_direction` = +1 or -1, without unit: falling (-1) turns to rising (+1) where the close is above the upper
  band, rising to falling where the close is below the lower band;
- `supertrend` = the lower band while rising, the upper band while falling, in units of price.

n is 2 to 10,000, k is 0.01 to 100.

- State: 3 slots: ATR and both bands; the direction is read back from the output.
- Warm-up: n + 1 bars, both together.
- Flat market: the price exactly where it was always flat, rising; after a move the bands close in on the price, and
  the direction stays.
- Accuracy: bands within k (n + 1) + 2 units in the last place of the highest price so far. A close within that of a
  band may turn the direction one way or the other.
- Source: O. Seban (2009); TA-Lib's SUPERTREND, which starts as rising, where TradingView starts as falling and counts
  high - low of the first bar as its true range.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.ranges import true_range
from streams.indicators.smoothing import smooth

RANGE: Final = 0
UPPER: Final = 1
LOWER: Final = 2


@compiled
def step(
    state: Any,
    out: Any,
    count: int,
    high: float,
    low: float,
    close: float,
    previous: float,
    period: int,
    multiple: float,
) -> None:
    """Take one bar."""
    if count == 1:
        return
    state[RANGE] = smooth(state[RANGE], count - 1, true_range(high, low, previous), period, 1.0 / period)
    if count <= period:
        return
    middle = 0.5 * high + 0.5 * low
    upper = middle + multiple * state[RANGE]
    lower = middle - multiple * state[RANGE]
    first = count == period + 1
    if first or upper < state[UPPER] or previous > state[UPPER]:
        state[UPPER] = upper
    if first or lower > state[LOWER] or previous < state[LOWER]:
        state[LOWER] = lower
    rising = first or out[1] > 0.0
    rising = close >= state[LOWER] if rising else close > state[UPPER]
    out[0] = state[LOWER] if rising else state[UPPER]
    out[1] = 1.0 if rising else -1.0


SUPERTREND: Final = Family(
    name="supertrend",
    outputs=("supertrend", "supertrend_direction"),
    parameters=(Parameter("period", 10, 2, 10_000), Parameter("multiple", 3.0, 0.01, 100.0)),
    short=True,
    inputs=("count", "high", "low", "close", "previous"),
    state_size=lambda _period, _multiple: 3,
    warmup=lambda period, _multiple: (period + 1,) * 2,
    step=step,
    group="trend",
)
