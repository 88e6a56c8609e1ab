"""Directional movement and its average index.

`adx_n`, without unit, 0 to 100 (a trade is a bar of one price). From bar to bar, +DM is the rise of the high where
that is above 0 and larger than the fall of the low, -DM the fall of the low where that is above 0 and larger than the
rise of the high; else they are 0. +DM, -DM and the true range are summed up as Wilder does: the first n - 1 as they
are, then with each further one s += x - s / n.

- `plus_di` = 100 sum of +DM / sum of true ranges; `minus_di` the same with -DM;
- `adx` = Wilder's average of DX = 100 |plus_di - minus_di| / (plus_di + minus_di): started with the mean of the first
  n values of DX, then a += (DX - a) / n;
- `adxr` = mean of `adx` and of `adx` n - 1 bars before.

n is 2 to 10,000; always spelled out.

- State: n + 6 slots: high and low of the bar before, the three sums, `adx`, ring of its last n values.
- Warm-up: n + 1 bars for `plus_di` and `minus_di`, 2 n for `adx`, 3 n - 1 for `adxr`.
- Flat market: all four are 0 where it was always flat. After a move plus_di and minus_di keep their last values as long
  as the sum of true ranges is above 1e-250 (some 600 n unchanged bars), as the formula says, and are 0 then; DX has no
  value any more, and adx keeps its last one. During the start of adx such a DX counts as 0.
- Accuracy: plus_di and minus_di within n 2^-50 of the true ones, relative.
- Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib's PLUS_DI, MINUS_DI, ADX and ADXR
  (their default compatibility), which fix the start with n - 1 values and the n - 1 bars of ADXR.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.ranges import true_range
from streams.indicators.smoothing import NEGLIGIBLE, smooth

HIGH: Final = 0
LOW: Final = 1
RISES: Final = 2
FALLS: Final = 3
RANGES: Final = 4
INDEX: Final = 5
RING: Final = 6
LOST: Final = 1e-40
"""A share that no digit of a double shows."""


@compiled
def step(state: Any, out: Any, count: int, high: float, low: float, previous: float, period: int) -> None:
    """Take one bar."""
    rise = high - state[HIGH]
    fall = state[LOW] - low
    state[HIGH] = high
    state[LOW] = low
    if count == 1:
        return
    forget = 1.0 / period if count > period else 0.0
    state[RISES] += (rise if rise > 0.0 and rise > fall else 0.0) - state[RISES] * forget
    state[FALLS] += (fall if fall > 0.0 and fall > rise else 0.0) - state[FALLS] * forget
    state[RANGES] += true_range(high, low, previous) - state[RANGES] * forget
    _vanish(state)
    if count <= period:
        return

    moved = state[RANGES] > 0.0
    out[1] = 100.0 * (state[RISES] / state[RANGES]) if moved else 0.0
    out[2] = 100.0 * (state[FALLS] / state[RANGES]) if moved else 0.0
    directed = state[RISES] + state[FALLS]
    place = count - period
    if directed > 0.0:
        movement = 100.0 * (abs(state[RISES] - state[FALLS]) / directed)
        state[INDEX] = smooth(state[INDEX], place, movement, period, 1.0 / period)
    elif place <= period:
        state[INDEX] = smooth(state[INDEX], place, 0.0, period, 1.0 / period)
    # The ring's next slot holds the oldest of the last n values.
    state[RING + place % period] = state[INDEX]
    out[0] = state[INDEX]
    out[3] = 0.5 * (state[INDEX] + state[RING + (place + 1) % period])


@compiled
def _vanish(state: Any) -> None:
    """Make sums 0 that would end among the denormal numbers, such that no quotient of two of them changes before."""
    if state[RANGES] < NEGLIGIBLE:
        state[RANGES] = 0.0
    directed = state[RISES] + state[FALLS]
    if directed < NEGLIGIBLE or state[RANGES] == 0.0:
        state[RISES] = 0.0
        state[FALLS] = 0.0
    elif state[RISES] < directed * LOST:
        state[RISES] = 0.0
    elif state[FALLS] < directed * LOST:
        state[FALLS] = 0.0


ADX: Final = Family(
    name="adx",
    outputs=("adx", "plus_di", "minus_di", "adxr"),
    parameters=(Parameter("period", 14, 2, 10_000),),
    short=False,
    inputs=("count", "high", "low", "previous"),
    state_size=lambda period: RING + period,
    warmup=lambda period: (2 * period, period + 1, period + 1, 3 * period - 1),
    step=step,
    group="trend",
)
