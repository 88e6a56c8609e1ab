"""Money flow index.

`mfi_n` = 100 P / (P + N), without unit, 0 to 100: of the last n steps (trades or bars), P is the sum of the money flows
where the typical price rose against the step before, N where it fell, by more than 2e-14 of itself, that is rounding.
Typical price is (high + low + close) / 3, money flow is typical price x volume. n is 2 to 10,000; always spelled out.

- State: 2 n + 6 slots: typical price, last step with volume, two rolling sums.
- Warm-up: n + 1 steps (n changes).
- Flat market (nothing with volume rose or fell): 50, where TA-Lib gives 0: money flows neither in nor out.
- Undefined: where none of the last n steps has volume. Always so, and then `unavailable`, where the market sends no
  sizes.
- Accuracy: within n 2^-51, relative.
- Source: G. Quong and A. Soudack, Volume-weighted RSI: Money Flow, Stocks & Commodities 7 (1989); TA-Lib's MFI, but
  for the flat market.
"""

from math import nan
from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.rolling import RING, push_sum
from streams.indicators.rounding import differ

TYPICAL: Final = 0
LAST: Final = 1
SUMS: Final = 2


@compiled
def step(state: Any, out: Any, count: int, high: float, low: float, close: float, volume: float, period: int) -> None:
    """Take one trade or bar."""
    typical = (high + low + close) / 3.0
    before = state[TYPICAL]
    state[TYPICAL] = typical
    if count == 1:
        return
    flow = typical * volume
    if flow > 0.0:
        state[LAST] = count
    moved = flow if differ(typical, before) else 0.0
    rises = push_sum(state, SUMS, count - 1, moved if typical > before else 0.0, period)
    falls = push_sum(state, SUMS + RING + period, count - 1, moved if typical < before else 0.0, period)
    if count - state[LAST] >= period:
        out[0] = nan
    elif rises + falls > 0.0:
        out[0] = 100.0 * (rises / (rises + falls))
    else:
        out[0] = 50.0


MFI: Final = Family(
    name="mfi",
    outputs=("mfi",),
    parameters=(Parameter("period", 14, 2, 10_000),),
    short=False,
    inputs=("count", "high", "low", "close", "volume"),
    state_size=lambda period: SUMS + 2 * (RING + period),
    warmup=lambda period: (period + 1,),
    step=step,
    group="momentum",
    needs=("size",),
)
