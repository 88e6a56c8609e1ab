"""Relative strength index.

`rsi_n` = 100 G / (G + L), without unit, 0 to 100: G and L are Wilder's averages of the rises and of the falls between
trades, each started with the mean of the first n changes, then a += (x - a) / n. n is 2 to 10,000; always spelled out.

- State: 2 slots, G and L.
- Warm-up: n + 1 trades (n changes).
- Flat market: 50, where TA-Lib gives 0: a market that does not move is neither overbought nor oversold. Flat is
  G + L < 1e-14 (TA-Lib's own test before 0.8), relative to the price where that is below 1, so that the unit of a cheap
  instrument does not make it flat. After a move it takes hundreds of unchanged trades to get there; until then the
  index keeps its last value, as the formula says.
- Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib's RSI but for the flat market.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.smoothing import smooth

RISES: Final = 0
FALLS: Final = 1
FLAT: Final = 1e-14


@compiled
def step(state: Any, out: Any, count: int, close: float, previous: float, period: int) -> None:
    """Take one trade."""
    if count == 1:
        return
    change = close - previous
    state[RISES] = smooth(state[RISES], count - 1, max(change, 0.0), period, 1.0 / period)
    state[FALLS] = smooth(state[FALLS], count - 1, max(-change, 0.0), period, 1.0 / period)
    moves = state[RISES] + state[FALLS]
    if moves < FLAT * min(close, 1.0):
        out[0] = 50.0
    else:
        out[0] = 100.0 * (state[RISES] / moves)


RSI: Final = Family(
    name="rsi",
    outputs=("rsi",),
    parameters=(Parameter("period", 14, 2, 10_000),),
    short=False,
    inputs=("count", "close", "previous"),
    state_size=lambda _period: 2,
    warmup=lambda period: (period + 1,),
    step=step,
    group="momentum",
)
