"""Relative strength against a reference symbol.

`rel_strength_n`, as in `rel_strength_20@1m~n225`: the symbol's logarithmic return over n trades (or bars) less the
reference's between the same two moments, without unit: 0.01 is about one per cent better than the reference. It has
nothing to do with the relative strength index. n is 1 to 10,000; always spelled out.

- State: 2 n slots, rings of the last n closes and prices of the reference.
- Warm-up: n + 1 trades.
- Flat market: less the reference's return.
- Undefined: where the reference had no price yet n trades ago.
- Accuracy: within 2^-51 of the larger of the two returns.
- Source: the plain difference; ratio of relative strength as in R. Levy, Relative Strength as a Criterion for
  Investment Selection (1967).
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.returns import log_return


@compiled
def step(state: Any, out: Any, count: int, close: float, reference: float, period: int) -> None:
    """Take one trade or bar."""
    slot = (count - 1) % period
    if count > period:
        out[0] = log_return(state[slot], close) - log_return(state[period + slot], reference)
    state[slot] = close
    state[period + slot] = reference


REL_STRENGTH: Final = Family(
    name="rel_strength",
    outputs=("rel_strength",),
    parameters=(Parameter("period", 20, 1, 10_000),),
    short=False,
    inputs=("count", "close", "reference"),
    state_size=lambda period: 2 * period,
    warmup=lambda period: (period + 1,),
    step=step,
    group="context",
    needs=("reference",),
)
