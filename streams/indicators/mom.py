"""Momentum.

`mom_n` = p - q, in units of price: p is the last price and q the one n steps (trades or bars) before. n is 1 to 10,000;
always spelled out.

- State: n slots, ring of the last n prices.
- Warm-up: n + 1 steps.
- Flat market: 0.
- Accuracy: one rounding; exact where p and q are within a factor of 2.
- Source: TA-Lib's MOM.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled


@compiled
def step(state: Any, out: Any, count: int, close: float, period: int) -> None:
    """Take one trade or bar."""
    slot = (count - 1) % period
    old = state[slot]
    state[slot] = close
    if count > period:
        out[0] = close - old


MOM: Final = Family(
    name="mom",
    outputs=("mom",),
    parameters=(Parameter("period", 10, 1, 10_000),),
    short=False,
    inputs=("count", "close"),
    state_size=lambda period: period,
    warmup=lambda period: (period + 1,),
    step=step,
    group="momentum",
)
