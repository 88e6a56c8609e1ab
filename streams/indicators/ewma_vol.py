"""RiskMetrics' exponentially weighted volatility.

`ewma_vol_d` (most often `ewma_vol_0.94`) = sqrt(sum of d^i r_i^2 / sum of d^i) over all logarithmic returns r so far, i
being 0 for the newest: without unit, >= 0, the volatility per step (trade or bar), not annualised. Returns have mean
zero. The decay d is 0.01 to 0.9999, per step and not per second; always spelled out.

- State: 2 slots, the weighted mean of the squares and the sum of its weights x (1 - d).
- Warm-up: 1 + the whole part of ln 0.01 / ln d steps (75 for 0.94), after which what came before the first would weigh
  about one per cent: RiskMetrics' effective number of returns at a tolerance of one per cent.
- Flat market: 0 where it was always flat; after a move it fades, and is 0 below 1e-125.
- Accuracy: within some 2^-52 / (1 - d), relative, at any level of the price.
- Source: J.P. Morgan/Reuters, RiskMetrics Technical Document, 4th edition (1996), 5.3. The start is ours: as many
  returns as there are, by their weights, where others take the first square or a plain variance.
"""

from math import log, sqrt
from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.returns import log_return
from streams.indicators.smoothing import NEGLIGIBLE

MEAN: Final = 0
WEIGHTS: Final = 1
TOLERANCE: Final = 0.01


@compiled
def step(state: Any, out: Any, count: int, close: float, previous: float, decay: float) -> None:
    """Take one trade or bar."""
    if count == 1:
        return
    change = log_return(previous, close)
    weight = 1.0 - decay
    state[WEIGHTS] = decay * state[WEIGHTS] + weight
    state[MEAN] += (change * change - state[MEAN]) * (weight / state[WEIGHTS])
    if state[MEAN] < NEGLIGIBLE:
        state[MEAN] = 0.0
    out[0] = sqrt(state[MEAN])


EWMA_VOL: Final = Family(
    name="ewma_vol",
    outputs=("ewma_vol",),
    parameters=(Parameter("decay", 0.94, 0.01, 0.9999),),
    short=False,
    inputs=("count", "close", "previous"),
    state_size=lambda _decay: 2,
    warmup=lambda decay: (1 + max(int(log(TOLERANCE) / log(decay)), 1),),
    step=step,
    group="volatility",
)
