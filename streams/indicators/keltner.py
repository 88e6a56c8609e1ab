"""Keltner channel, with bands by the average true range.

`keltner_n_m_k`, in units of price (a trade is a bar of one price):

- `keltner_middle` = exponential average (see `ema`) of the typical price (high + low + close) / 3 over n bars;
- `keltner_upper`, `keltner_lower` = middle +- k ATR, with Wilder's average of the true range over m bars: started with
  the mean of m true ranges, then a += (range - a) / m.

Both averages have their first value at the same bar: the one that needs fewer bars starts later, as the fast average of
`macd` does. n is 2 to 10,000, m is 1 to 10,000, k is 0.01 to 100; always spelled out, usually `keltner_20_10_2`.

- State: 2 slots, the average and the ATR.
- Warm-up: the larger of n and m + 1 bars, all three together.
- Flat market: all three are exactly that price where it was always flat; after a move the bands close in on it.
- Accuracy: the middle within n + 1 units in the last place of the highest price so far, the bands within k (m + 1)
  more.
- Source: C. Keltner (1960) for the idea, L. Raschke for these bands; TA-Lib's KC, which fixes price and start. Some
  take the average of the close instead.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.ranges import true_range
from streams.indicators.smoothing import smooth

AVERAGE: Final = 0
RANGE: Final = 1


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
    range_period: int,
    width: float,
) -> None:
    """Take one bar."""
    first = max(period, range_period + 1)
    place = count - (first - period)
    if place > 0:
        typical = (high + low + close) / 3.0
        state[AVERAGE] = smooth(state[AVERAGE], place, typical, period, 2.0 / (period + 1))
    place = count - (first - range_period)
    if place > 0:
        moved = true_range(high, low, previous)
        state[RANGE] = smooth(state[RANGE], place, moved, range_period, 1.0 / range_period)
    half = width * state[RANGE]
    out[0] = state[AVERAGE] + half
    out[1] = state[AVERAGE]
    out[2] = state[AVERAGE] - half


KELTNER: Final = Family(
    name="keltner",
    outputs=("keltner_upper", "keltner_middle", "keltner_lower"),
    parameters=(
        Parameter("period", 20, 2, 10_000),
        Parameter("range_period", 10, 1, 10_000),
        Parameter("width", 2.0, 0.01, 100.0),
    ),
    short=False,
    inputs=("count", "high", "low", "close", "previous"),
    state_size=lambda _period, _range_period, _width: 2,
    warmup=lambda period, range_period, _width: (max(period, range_period + 1),) * 3,
    step=step,
    group="trend",
)
