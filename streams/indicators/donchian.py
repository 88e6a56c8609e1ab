"""Donchian channel.

`donchian_n`, in units of price, over the last n bars including the newest (a trade is a bar of one price):

- `donchian_upper` = highest high, `donchian_lower` = lowest low;
- `donchian_middle` = their mean.

n is 2 to 10,000; always spelled out.

- State: 4 n + 4 slots, a deque of falling highs and one of rising lows.
- Warm-up: n bars, all three together.
- Flat market: all three are exactly that price.
- Source: R. Donchian's four-week rule; TA-Lib's DONCHIAN. Some leave out the newest bar, so that a price can break
  out of the channel: that channel is this one at the bar before.
"""

from typing import Any, Final

from streams.indicators.extremes import push_max, push_min, slots
from streams.indicators.indicator import Family, Parameter, compiled


@compiled
def step(state: Any, out: Any, count: int, high: float, low: float, period: int) -> None:
    """Take one bar."""
    upper = push_max(state, 0, count, high, period)
    lower = push_min(state, 2 * period + 2, count, low, period)
    out[0] = upper
    out[1] = 0.5 * upper + 0.5 * lower
    out[2] = lower


DONCHIAN: Final = Family(
    name="donchian",
    outputs=("donchian_upper", "donchian_middle", "donchian_lower"),
    parameters=(Parameter("period", 20, 2, 10_000),),
    short=False,
    inputs=("count", "high", "low"),
    state_size=lambda period: 2 * slots(period),
    warmup=lambda period: (period,) * 3,
    step=step,
    group="trend",
)
