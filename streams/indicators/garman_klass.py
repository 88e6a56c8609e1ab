"""Garman and Klass's variance from opens, highs, lows and closes.

`garman_klass_n` = mean of 0.5 (ln(H / L))^2 - (2 ln 2 - 1) (ln(C / O))^2 over the last n bars, without unit, >= 0: a
variance per bar, whose root is the volatility per bar; not annualised. It takes prices to move without drift and leaves
out jumps between bars. n is 1 to 10,000; always spelled out.

- State: n + 2 slots, a rolling sum.
- Warm-up: n steps. It is for bars (`garman_klass_20@1m`): of single trades, whose four prices are one, it is 0.
- Flat market: exactly 0.
- Accuracy: within (n + 80) 2^-53, relative, after any number of bars and at any level of the price.
- Source: M. Garman and M. Klass, Journal of Business 53 (1980), their practical estimator.
"""

from math import log
from typing import Any, Final

from streams.indicators import rolling
from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.returns import log_return
from streams.indicators.rolling import push_sum

BODY: Final = 2.0 * log(2.0) - 1.0


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
    reach = log_return(low, high)
    body = log_return(open, close)
    out[0] = push_sum(state, 0, count, 0.5 * reach * reach - BODY * body * body, period) / period


GARMAN_KLASS: Final = Family(
    name="garman_klass",
    outputs=("garman_klass",),
    parameters=(Parameter("period", 20, 1, 10_000),),
    short=False,
    inputs=("count", "open", "high", "low", "close"),
    state_size=rolling.slots,
    warmup=lambda period: (period,),
    step=step,
    group="volatility",
)
