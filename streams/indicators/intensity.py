"""Intensity of arrivals.

`intensity_tau`, per second: lambda <- lambda exp(-dt / tau) + 1 / tau at each event, dt the seconds of event time since
the one before, decayed to the present tick when read.

- `tick_intensity`: every tick is an event, trade or quote;
- `trade_intensity`: trades are.

Both start at 0 before the first tick, so that they are low until some tau have passed. Of events at a steady rate r
they come to r. Equal times are dt = 0, and every event adds 1 / tau. tau is 0.001 to 1,000,000 seconds; always spelled
out.

- State: 2 slots, the two intensities.
- Warm-up: 1 tick.
- Flat market: the price plays no part.
- Accuracy: some tau x rate units in the last place.
- Source: the exponential kernel of A. Hawkes, Spectra of Some Self-exciting Point Processes (1971), as an average.
"""

from typing import Any, Final

from streams.indicators.ewma import decayed
from streams.indicators.indicator import Family, Parameter, compiled

TICKS: Final = 0
TRADES: Final = 1


@compiled
def step(state: Any, out: Any, count: int, dt: float, is_trade: int, tau: float) -> None:
    """Take one tick."""
    if count > 1:
        state[TICKS] = decayed(state[TICKS], dt, tau)
        state[TRADES] = decayed(state[TRADES], dt, tau)
    state[TICKS] += 1.0 / tau
    if is_trade != 0:
        state[TRADES] += 1.0 / tau
    out[0] = state[TICKS]
    out[1] = state[TRADES]


INTENSITY: Final = Family(
    name="intensity",
    outputs=("tick_intensity", "trade_intensity"),
    parameters=(Parameter("tau", 10.0, 0.001, 1e6),),
    short=False,
    inputs=("count", "dt", "is_trade"),
    state_size=lambda _tau: 2,
    warmup=lambda _tau: (1, 1),
    step=step,
    group="microstructure",
    on="tick",
    on_gap="decay",
)
