"""Return.

`ret_n` = ln(close / close n trades (or bars) ago), without unit: 0.01 is about one per cent up. n is 1 to 10,000;
always spelled out.

- State: n slots, ring of the last n closes.
- Warm-up: n + 1 trades.
- Flat market: 0.
- Accuracy: within 3 x 2^-53, relative, however small the move (see returns.py).
- Source: the logarithmic return; TA-Lib's ROC is 100 (e^ret - 1).
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.returns import log_return


@compiled
def step(state: Any, out: Any, count: int, close: float, period: int) -> None:
    """Take one trade or bar."""
    slot = (count - 1) % period
    if count > period:
        out[0] = log_return(state[slot], close)
    state[slot] = close


RET: Final = Family(
    name="ret",
    outputs=("ret",),
    parameters=(Parameter("period", 1, 1, 10_000),),
    short=False,
    inputs=("count", "close"),
    state_size=lambda period: period,
    warmup=lambda period: (period + 1,),
    step=step,
    group="context",
)
