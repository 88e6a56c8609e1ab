"""Yang and Zhang's variance from opens, highs, lows and closes, with the jumps between bars.

`yang_zhang_n` = V + k W + (1 - k) R over the last n bars, without unit, >= 0: a variance per bar, whose root is the
volatility per bar; not annualised. V is the sample variance (divisor n - 1) of ln(open / close before), W that of
ln(close / open), R is `rogers_satchell_n` and k = 0.34 / (1.34 + (n + 1) / (n - 1)). Neither drift nor jumps between
bars disturb it. n is 2 to 10,000; always spelled out.

- State: 3 n + 14 slots: the two windows of moments.py and a rolling sum.
- Warm-up: n + 1 steps (n bars that have a close before them). It is for bars (`yang_zhang_20@24h`): of single trades it
  is V, the sample variance of their logarithmic returns.
- Flat market: exactly 0.
- Accuracy: within 8 n 2^-52 of the mean squares of the returns in V, W and R, after any number of bars and at any level
  of the price.
- Source: D. Yang and Q. Zhang, Journal of Business 73 (2000).
"""

from typing import Any, Final

from streams.indicators import moments, rolling
from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.moments import push, variance
from streams.indicators.returns import log_return
from streams.indicators.rogers_satchell import driftless
from streams.indicators.rolling import push_sum


@compiled
def step(
    state: Any,
    out: Any,
    count: int,
    open: float,  # noqa: A002 - the input's name
    high: float,
    low: float,
    close: float,
    previous: float,
    period: int,
) -> None:
    """Take one bar."""
    if count == 1:
        return
    bars = count - 1
    bodies = moments.RING + period
    push(state, 0, bars, log_return(previous, open), period)
    push(state, bodies, bars, log_return(open, close), period)
    inside = push_sum(state, 2 * bodies, bars, driftless(open, high, low, close), period) / period
    sample = period / (period - 1.0)
    share = 0.34 / (1.34 + (period + 1.0) / (period - 1.0))
    jumps = sample * variance(state, 0, bars, period)
    body = sample * variance(state, bodies, bars, period)
    out[0] = jumps + share * body + (1.0 - share) * inside


YANG_ZHANG: Final = Family(
    name="yang_zhang",
    outputs=("yang_zhang",),
    parameters=(Parameter("period", 20, 2, 10_000),),
    short=False,
    inputs=("count", "open", "high", "low", "close", "previous"),
    state_size=lambda period: 2 * moments.slots(period) + rolling.slots(period),
    warmup=lambda period: (period + 1,),
    step=step,
    group="volatility",
)
