"""Moving average convergence/divergence.

`macd` (12, 26, 9) or `macd_fast_slow_signal`, in units of price:

- `macd` = EMA of `fast` trades - EMA of `slow` trades. Both have their first value at trade `slow`: the fast one is
  started with the mean of the `fast` prices that end there, not with the first ones.
- `macd_signal` = EMA of `signal` values of `macd`, started with the mean of its first `signal` values.
- `macd_hist` = `macd` - `macd_signal`.

fast is 2 to 10,000, slow above fast and to 10,000, signal 1 to 10,000.

- State: 3 slots, the fast, the slow and the signal average.
- Warm-up: slow + signal - 1 trades, all three together (34 for `macd`).
- Accuracy: that of its averages, which is some (slow + 1) / 2 units in the last place of the price.
- Flat market: 0 from the warm-up on where it was always flat; after a move within rounding of 0.
- Source: TA-Lib's MACD (its default compatibility), which fixes the start; G. Appel (1979) for the idea.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.smoothing import smooth

FAST: Final = 0
SLOW: Final = 1
SIGNAL: Final = 2


@compiled
def step(state: Any, out: Any, count: int, close: float, fast: int, slow: int, signal: int) -> None:
    """Take one trade."""
    skipped = slow - fast
    if count > skipped:
        state[FAST] = smooth(state[FAST], count - skipped, close, fast, 2.0 / (fast + 1))
    state[SLOW] = smooth(state[SLOW], count, close, slow, 2.0 / (slow + 1))
    if count >= slow:
        line = state[FAST] - state[SLOW]
        state[SIGNAL] = smooth(state[SIGNAL], count - slow + 1, line, signal, 2.0 / (signal + 1))
        out[0] = line
        out[1] = state[SIGNAL]
        out[2] = line - state[SIGNAL]


def _check(fast: int, slow: int, _signal: int) -> str | None:
    if fast < slow:
        return None
    return f"fast={fast} must be below slow={slow}; write macd_fast_slow_signal, for example macd_12_26_9"


MACD: Final = Family(
    name="macd",
    outputs=("macd", "macd_signal", "macd_hist"),
    parameters=(
        Parameter("fast", 12, 2, 10_000),
        Parameter("slow", 26, 2, 10_000),
        Parameter("signal", 9, 1, 10_000),
    ),
    short=True,
    inputs=("count", "close"),
    state_size=lambda _fast, _slow, _signal: 3,
    warmup=lambda _fast, slow, signal: (slow + signal - 1,) * 3,
    step=step,
    group="momentum",
    check=_check,
)
