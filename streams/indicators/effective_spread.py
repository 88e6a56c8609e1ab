"""Effective spread.

`effective_spread_n`: mean over the last n trades of 20,000 d (p - m) / m, in basis points: p is the price, d the sign
of the aggressor (1 bought, -1 sold) and m the mid of the quote in force BEFORE the trade. Negative where a trade was
better than the mid. Trades of unknown sign, and those without a quote before them, are left out of the mean. n is 1 to
10,000 (1: the last trade's own); always spelled out. Only on trades, whose sign it needs.

- State: 2 n + 4 slots: rolling sums of the spreads and of how many there are.
- Warm-up: n trades.
- Flat market: the spread paid, 0 for trades at the mid.
- Undefined: where none of the last n trades has a sign and a mid.
- Accuracy: within n 2^-52 of the mean magnitude.
- Source: as in M. O'Hara, Market Microstructure Theory (1995); signs as `trade_sign`. Where the quote gave the sign
  it is never negative; the venue's flag and the tick rule can make it so.
"""

from math import isnan, nan
from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.rolling import RING, push_sum, slots


@compiled
def step(state: Any, out: Any, count: int, close: float, sign: int, mid: float, period: int) -> None:
    """Take one trade."""
    known = sign != 0 and not isnan(mid)
    paid = 2e4 * sign * ((close - mid) / mid) if known else 0.0
    total = push_sum(state, 0, count, paid, period)
    trades = push_sum(state, RING + period, count, 1.0 if known else 0.0, period)
    out[0] = total / trades if trades > 0.0 else nan


EFFECTIVE_SPREAD: Final = Family(
    name="effective_spread",
    outputs=("effective_spread",),
    parameters=(Parameter("period", 20, 1, 10_000),),
    short=False,
    inputs=("count", "close", "sign", "mid"),
    state_size=lambda period: 2 * slots(period),
    warmup=lambda period: (period,),
    step=step,
    group="microstructure",
    needs=("quote",),
)
