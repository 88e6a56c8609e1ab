"""Beta against a reference symbol.

`beta_n`, as in `beta_60@1m~n225`: covariance of the symbol's returns with the reference's / variance of the
reference's, over the last n pairs, without unit: how many per cent the symbol moves with one of the reference. A return
is logarithmic, from the symbol's step (trade or closed bar) before to this one; the reference's is that of its last
price at the same two moments. n is 2 to 10,000; always spelled out.

- State: 2 n + 16 slots: last price of the reference, number of pairs, a pair of windows of moments.py.
- Warm-up: n + 1 trades (n pairs).
- Flat market: 0; undefined where the reference is flat.
- Undefined: until there are n pairs with a price of the reference, and where its last n returns are equal.
- Accuracy: within 8 n 2^-52 of the ratio of the two deviations, of returns that are each rounded by 3 x 2^-53.
- Source: W. Sharpe, A Simplified Model for Portfolio Analysis (1963): the slope of the least squares. TA-Lib's BETA is
  of simple returns.
"""

from math import nan
from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.moments import covariance, variance
from streams.indicators.paired_returns import THEIRS, push_returns, slots


@compiled
def step(state: Any, out: Any, count: int, close: float, previous: float, reference: float, period: int) -> None:
    """Take one trade or bar."""
    pairs = push_returns(state, count, close, previous, reference, period)
    base = variance(state, THEIRS, pairs, period) if pairs >= period else 0.0
    out[0] = covariance(state, THEIRS, pairs, period) / base if base > 0.0 else nan


BETA: Final = Family(
    name="beta",
    outputs=("beta",),
    parameters=(Parameter("period", 60, 2, 10_000),),
    short=False,
    inputs=("count", "close", "previous", "reference"),
    state_size=slots,
    warmup=lambda period: (period + 1,),
    step=step,
    group="context",
    needs=("reference",),
)
