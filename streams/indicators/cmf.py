"""Chaikin money flow.

`cmf_n`: sum of the money flow of the last n bars / sum of their volume, without unit, -1 (all closed at their lows) to
1 (all at their highs); a bar's money flow is ((close - low) - (high - close)) / (high - low) x volume, 0 of a bar
without range. A single trade has no range: it is of use on bars (`cmf_20@1m`) and 0 on trades. n is 2 to 10,000; always
spelled out.

- State: 2 n + 4 slots: rolling sums of money flow and of volume.
- Warm-up: n bars.
- Flat market: 0.
- Undefined: where none of the last n bars has a volume.
- Accuracy: within 2 n 2^-52, after any number of bars.
- Source: M. Chaikin; TA-Lib has none.
"""

from math import nan
from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.money_flow import money_flow
from streams.indicators.rolling import RING, push_sum, slots


@compiled
def step(state: Any, out: Any, count: int, high: float, low: float, close: float, volume: float, period: int) -> None:
    """Take one bar."""
    flow = push_sum(state, 0, count, money_flow(high, low, close, volume), period)
    total = push_sum(state, RING + period, count, volume, period)
    out[0] = min(max(flow / total, -1.0), 1.0) if total > 0.0 else nan


CMF: Final = Family(
    name="cmf",
    outputs=("cmf",),
    parameters=(Parameter("period", 20, 2, 10_000),),
    short=False,
    inputs=("count", "high", "low", "close", "volume"),
    state_size=lambda period: 2 * slots(period),
    warmup=lambda period: (period,),
    step=step,
    group="volume",
    needs=("size",),
)
