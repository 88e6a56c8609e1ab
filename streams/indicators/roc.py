"""Rate of change.

`roc_n` = 100 (p - q) / q, in per cent: p is the last price and q the one n steps (trades or bars) before. n is 1 to
10,000; always spelled out.

- State: n slots, ring of the last n prices.
- Warm-up: n + 1 steps.
- Flat market: 0.
- Accuracy: within three roundings. TA-Lib's p / q - 1 loses the digits that a ratio near 1 has not: it is off by up to
  100 x 2^-53, absolute.
- Source: the relative change; TA-Lib's ROC.
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
        out[0] = 100.0 * ((close - old) / old)


ROC: Final = Family(
    name="roc",
    outputs=("roc",),
    parameters=(Parameter("period", 10, 1, 10_000),),
    short=False,
    inputs=("count", "close"),
    state_size=lambda period: period,
    warmup=lambda period: (period + 1,),
    step=step,
    group="momentum",
)
