"""Simple moving average.

`sma_n`: mean of the prices of the last n trades, in units of price. n is 2 to 10,000; always spelled out.

- State: n + 3 slots: anchor, the two parts of the sum of (price - anchor), ring of the last n prices.
- Warm-up: n trades.
- Flat market: exactly that price (unless one 1e15 times as large left less than n trades ago).
- Accuracy: within one unit in the last place of the true mean plus two of the window's range, after any number of
  trades. The anchor is a price of the window; whenever the ring comes round, every n trades, the newest price becomes
  the anchor and the sum is made anew, so no error lives longer than n trades.
- Source: the arithmetic mean; TA-Lib's SMA.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.summation import add

ANCHOR: Final = 0
SUM: Final = 1
RING: Final = 3


@compiled
def step(state: Any, out: Any, count: int, close: float, period: int) -> None:
    """Take one trade."""
    slot = (count - 1) % period
    anchor = state[ANCHOR]
    if slot == 0:
        anchor = close
        state[ANCHOR] = close
        state[SUM] = 0.0
        state[SUM + 1] = 0.0
        if count > 1:
            for other in range(RING + 1, RING + period):
                add(state, SUM, state[other] - close)
    else:
        if count > period:
            add(state, SUM, anchor - state[RING + slot])
        add(state, SUM, close - anchor)
    state[RING + slot] = close
    out[0] = anchor + (state[SUM] + state[SUM + 1]) / period


SMA: Final = Family(
    name="sma",
    outputs=("sma",),
    parameters=(Parameter("period", 20, 2, 10_000),),
    short=False,
    inputs=("count", "close"),
    state_size=lambda period: RING + period,
    warmup=lambda period: (period,),
    step=step,
    group="trend",
)
