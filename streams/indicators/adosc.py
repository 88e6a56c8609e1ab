"""Chaikin oscillator.

`adosc` (3, 10) or `adosc_fast_slow`, in units of quantity: the fast less the slow exponential average of the
accumulation/distribution line (see `ad`), with weights 2 / (n + 1), both started with the line's first value. A single
trade has no range: it is of use on bars (`adosc@1m`) and 0 on trades. fast is 2 to 10,000, slow above fast and to
10,000.

The line itself grows without bound and would cost the difference its digits. Kept instead is how far each average
lies behind the line, g = line - average: when a bar adds the money flow f, g becomes (g + f)(1 - weight), and the
oscillator is the slow g less the fast one. That is the same number, made from bounded ones.

- State: 3 slots: the fast and the slow lag behind the line, whether any volume ever came.
- Warm-up: slow bars.
- Flat market: falls to 0, by the factor 1 - weight of each average at every bar.
- Undefined: until the first bar with a volume, where TA-Lib gives 0: a market without quantities has no money flow.
- Accuracy: within some (slow + 1) / 2 units in the last place of the larger lag, after any number of bars.
- Source: M. Chaikin; TA-Lib's ADOSC, whose own difference loses digits as the line grows.
"""

from math import nan
from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.money_flow import money_flow
from streams.indicators.smoothing import NEGLIGIBLE

FAST: Final = 0
SLOW: Final = 1
SEEN: Final = 2


@compiled
def step(
    state: Any, out: Any, count: int, high: float, low: float, close: float, volume: float, fast: int, slow: int
) -> None:
    """Take one bar."""
    if volume > 0.0:
        state[SEEN] = 1.0
    if count > 1:
        flow = money_flow(high, low, close, volume)
        state[FAST] = _lag(state[FAST] + flow, fast)
        state[SLOW] = _lag(state[SLOW] + flow, slow)
    out[0] = state[SLOW] - state[FAST] if state[SEEN] > 0.0 else nan


@compiled
def _lag(lag: float, period: int) -> float:
    """What is left of a lag when the average has followed."""
    left = lag * ((period - 1.0) / (period + 1.0))
    if abs(left) < NEGLIGIBLE:
        return 0.0
    return left


def _check(fast: int, slow: int) -> str | None:
    if fast < slow:
        return None
    return f"fast={fast} must be below slow={slow}; write adosc_fast_slow, for example adosc_3_10"


ADOSC: Final = Family(
    name="adosc",
    outputs=("adosc",),
    parameters=(Parameter("fast", 3, 2, 10_000), Parameter("slow", 10, 2, 10_000)),
    short=True,
    inputs=("count", "high", "low", "close", "volume"),
    state_size=lambda _fast, _slow: 3,
    warmup=lambda _fast, slow: (slow,),
    step=step,
    group="volume",
    needs=("size",),
    check=_check,
)
