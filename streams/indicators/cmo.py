"""Chande momentum oscillator.

`cmo_n` = 100 (G - L) / (G + L), without unit, -100 to 100: G and L are Wilder's averages of the rises and of the falls
between steps (trades or bars), as in `rsi_n`, of which it is 2 `rsi_n` - 100. Chande's own takes plain sums of the last
n changes; ours is TA-Lib's. n is 2 to 10,000; always spelled out.

- State: 2 slots, G and L.
- Warm-up: n + 1 steps (n changes).
- Flat market: 0. Flat is G + L < 1e-14, taken relative to the price where that is below 1; after a move the oscillator
  keeps its last value until then.
- Source: T. Chande and S. Kroll, The New Technical Trader (1994); TA-Lib's CMO.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.rsi import FALLS, FLAT, RISES
from streams.indicators.smoothing import smooth


@compiled
def step(state: Any, out: Any, count: int, close: float, previous: float, period: int) -> None:
    """Take one trade or bar."""
    if count == 1:
        return
    change = close - previous
    state[RISES] = smooth(state[RISES], count - 1, max(change, 0.0), period, 1.0 / period)
    state[FALLS] = smooth(state[FALLS], count - 1, max(-change, 0.0), period, 1.0 / period)
    moves = state[RISES] + state[FALLS]
    if moves < FLAT * min(close, 1.0):
        out[0] = 0.0
    else:
        out[0] = 100.0 * ((state[RISES] - state[FALLS]) / moves)


CMO: Final = Family(
    name="cmo",
    outputs=("cmo",),
    parameters=(Parameter("period", 14, 2, 10_000),),
    short=False,
    inputs=("count", "close", "previous"),
    state_size=lambda _period: 2,
    warmup=lambda period: (period + 1,),
    step=step,
    group="momentum",
)
