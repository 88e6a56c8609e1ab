"""Percentage price oscillator.

`ppo` (12, 26) or `ppo_fast_slow` = 100 (F - S) / S, in per cent: F and S are the `ema` of `fast` and of `slow` prices.
MACD's line relative to the price, so that instruments can be compared. F is started with the first `fast` prices, not
with the ones that end where S starts as in `macd`.

fast is 2 to 10,000, slow above fast and to 10,000.

- State: 2 slots, F and S.
- Warm-up: slow steps (trades or bars).
- Flat market: 0 where it was always flat; after a move within rounding of 0.
- Accuracy: that of its averages: some 100 (slow + 1) 2^-53, absolute; after a bad tick times its ratio to the
  price, until the averages have forgotten it.
- Source: TA-Lib's PPO with exponential averages, which fixes the start.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.smoothing import smooth

FAST: Final = 0
SLOW: Final = 1


@compiled
def step(state: Any, out: Any, count: int, close: float, fast: int, slow: int) -> None:
    """Take one trade or bar."""
    state[FAST] = smooth(state[FAST], count, close, fast, 2.0 / (fast + 1))
    state[SLOW] = smooth(state[SLOW], count, close, slow, 2.0 / (slow + 1))
    out[0] = 100.0 * ((state[FAST] - state[SLOW]) / state[SLOW])


def _check(fast: int, slow: int) -> str | None:
    if fast < slow:
        return None
    return f"fast={fast} must be below slow={slow}; write ppo_fast_slow, for example ppo_12_26"


PPO: Final = Family(
    name="ppo",
    outputs=("ppo",),
    parameters=(Parameter("fast", 12, 2, 10_000), Parameter("slow", 26, 2, 10_000)),
    short=True,
    inputs=("count", "close"),
    state_size=lambda _fast, _slow: 2,
    warmup=lambda _fast, slow: (slow,),
    step=step,
    group="momentum",
    check=_check,
)
