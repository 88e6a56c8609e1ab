"""Aroon: how lately the extremes came.

`aroon_n`, without unit, over the last n + 1 bars including the newest (a trade is a bar of one price):

- `aroon_up` = 100 (n - bars since the highest high) / n, 0 to 100;
- `aroon_down` = 100 (n - bars since the lowest low) / n, 0 to 100;
- `aroon_oscillator` = up - down, -100 to 100.

Of equal extremes the latest counts. n is 2 to 10,000; always spelled out.

- State: 4 n + 8 slots, a deque of falling highs and one of rising lows.
- Warm-up: n + 1 bars, all three together.
- Flat market: up and down are 100 (the newest bar equals both extremes), the oscillator is 0.
- Source: T. Chande, A Time Price Oscillator (Stocks & Commodities, 1995); TA-Lib's AROON and AROONOSC.
"""

from typing import Any, Final

from streams.indicators.extremes import age, push_max, push_min, slots
from streams.indicators.indicator import Family, Parameter, compiled


@compiled
def step(state: Any, out: Any, count: int, high: float, low: float, period: int) -> None:
    """Take one bar."""
    lows = 2 * period + 4
    push_max(state, 0, count, high, period + 1)
    push_min(state, lows, count, low, period + 1)
    since_high = age(state, 0, count)
    since_low = age(state, lows, count)
    out[0] = 100.0 * (period - since_high) / period
    out[1] = 100.0 * (period - since_low) / period
    out[2] = 100.0 * (since_low - since_high) / period


AROON: Final = Family(
    name="aroon",
    outputs=("aroon_up", "aroon_down", "aroon_oscillator"),
    parameters=(Parameter("period", 14, 2, 10_000),),
    short=False,
    inputs=("count", "high", "low"),
    state_size=lambda period: 2 * slots(period + 1),
    warmup=lambda period: (period + 1,) * 3,
    step=step,
    group="trend",
)
