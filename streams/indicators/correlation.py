"""Correlation with a reference symbol.

`correlation_n`, as in `correlation_60@1m~n225`: covariance of the symbol's returns with the reference's / product of
their deviations, over the last n pairs, without unit, -1 to 1. A return is logarithmic, from the symbol's step (trade
or closed bar) before to this one; the reference's is that of its last price at the same two moments. n is 2 to 10,000;
always spelled out.

- State: 2 n + 16 slots: last price of the reference, number of pairs, a pair of windows of moments.py.
- Warm-up: n + 1 trades (n pairs).
- Flat market: undefined, as where the reference is flat.
- Undefined: until there are n pairs with a price of the reference, and where the last n returns of either are equal.
- Accuracy: within 12 n 2^-52, of returns that are each rounded by 3 x 2^-53.
- Source: Pearson's coefficient; TA-Lib's CORREL is that of its two inputs themselves.
"""

from math import nan, sqrt
from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.moments import covariance, variance
from streams.indicators.paired_returns import THEIRS, ours, push_returns, slots


@compiled
def step(state: Any, out: Any, count: int, close: float, previous: float, reference: float, period: int) -> None:
    """Take one trade or bar."""
    pairs = push_returns(state, count, close, previous, reference, period)
    out[0] = nan
    if pairs >= period:
        both = sqrt(variance(state, THEIRS, pairs, period)) * sqrt(variance(state, ours(period), pairs, period))
        if both > 0.0:
            out[0] = min(max(covariance(state, THEIRS, pairs, period) / both, -1.0), 1.0)


CORRELATION: Final = Family(
    name="correlation",
    outputs=("correlation",),
    parameters=(Parameter("period", 60, 2, 10_000),),
    short=False,
    inputs=("count", "close", "previous", "reference"),
    state_size=slots,
    warmup=lambda period: (period + 1,),
    step=step,
    group="context",
    needs=("reference",),
)
