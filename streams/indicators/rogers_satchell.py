"""Rogers and Satchell's variance from opens, highs, lows and closes.

`rogers_satchell_n` = mean of ln(H / C) ln(H / O) + ln(L / C) ln(L / O) over the last n bars, without unit, >= 0: a
variance per bar, whose root is the volatility per bar; not annualised. A drift within the bar does not disturb it; it
leaves out jumps between bars. n is 1 to 10,000; always spelled out.

- State: n + 2 slots, a rolling sum.
- Warm-up: n steps. It is for bars (`rogers_satchell_20@1m`): of single trades, whose four prices are one, it is 0.
- Flat market: exactly 0; also of bars that only rise or only fall, from one end to the other.
- Accuracy: within (n + 10) 2^-53, relative, after any number of bars and at any level of the price.
- Source: L. Rogers and S. Satchell, Annals of Applied Probability 1 (1991).
"""

from typing import Any, Final

from streams.indicators import rolling
from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.returns import log_return
from streams.indicators.rolling import push_sum


@compiled
def driftless(start: float, high: float, low: float, close: float) -> float:
    """The variance of one bar, whose open is `start`; both products are >= 0."""
    rise = log_return(close, high) * log_return(start, high)
    fall = log_return(low, close) * log_return(low, start)
    return rise + fall


@compiled
def step(
    state: Any,
    out: Any,
    count: int,
    open: float,  # noqa: A002 - the input's name
    high: float,
    low: float,
    close: float,
    period: int,
) -> None:
    """Take one bar."""
    out[0] = push_sum(state, 0, count, driftless(open, high, low, close), period) / period


ROGERS_SATCHELL: Final = Family(
    name="rogers_satchell",
    outputs=("rogers_satchell",),
    parameters=(Parameter("period", 20, 1, 10_000),),
    short=False,
    inputs=("count", "open", "high", "low", "close"),
    state_size=rolling.slots,
    warmup=lambda period: (period,),
    step=step,
    group="volatility",
)
