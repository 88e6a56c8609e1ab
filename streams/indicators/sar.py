"""Parabolic stop and reverse.

`sar` (0.02, 0.2) or `sar_a_m`, in units of price: Wilder's stop for a position that is always held, long or short (a
trade is a bar of one price). What is written here for long is mirrored for short.

- The stop of the next bar is stop + f (E - stop), but not above the lows of this bar and the one before. E is the
  highest high since the position was taken; f is a, plus a with each new highest high, at most m.
- Where a bar's low is at or below its stop, the position turns: that bar's `sar` is E, but not below the highs of this
  bar and the one before; from there on it is short, E is this bar's low, and f is a again.

The position is long at the second bar, with the first bar's low as its stop, unless the low fell from the first bar to
the second by more than the high rose: then it is short, with the first bar's high as its stop. a is 0.0001 to 1, m is
a to 1.

- State: 6 slots: next stop, E, f, side (+1 long, -1 short), high and low of the bar before.
- Warm-up: 2 bars.
- Flat market: exactly that price. Every bar touches its stop, so the side turns with each.
- Accuracy: that of a few roundings in units in the last place of the price; a bar within that of its stop may turn the
  position or not.
- Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978), who leaves the first side to the trader;
  TA-Lib's SAR, which fixes it.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled

STOP: Final = 0
EXTREME: Final = 1
FACTOR: Final = 2
SIDE: Final = 3
HIGH: Final = 4
LOW: Final = 5


@compiled
def step(state: Any, out: Any, count: int, high: float, low: float, acceleration: float, maximum: float) -> None:
    """Take one bar."""
    high_before = state[HIGH]
    low_before = state[LOW]
    state[HIGH] = high
    state[LOW] = low
    if count == 1:
        return
    if count == 2:
        fell = low_before - low
        long = not (fell > 0.0 and fell > high - high_before)
        stop = low_before if long else high_before
        extreme = high if long else low
        factor = acceleration
        # The bar before the first position does not bound its stop.
        high_before = high
        low_before = low
    else:
        long = state[SIDE] > 0.0
        stop = state[STOP]
        extreme = state[EXTREME]
        factor = state[FACTOR]

    highest = max(high_before, high)
    lowest = min(low_before, low)
    touched = low <= stop if long else high >= stop
    if touched:
        long = not long
        stop = min(extreme, lowest) if long else max(extreme, highest)
        extreme = high if long else low
        factor = acceleration
    out[0] = stop
    if not touched and (high > extreme if long else low < extreme):
        extreme = high if long else low
        factor = min(factor + acceleration, maximum)
    following = stop + factor * (extreme - stop)
    state[STOP] = min(following, lowest) if long else max(following, highest)
    state[EXTREME] = extreme
    state[FACTOR] = factor
    state[SIDE] = 1.0 if long else -1.0


def _check(acceleration: float, maximum: float) -> str | None:
    if acceleration <= maximum:
        return None
    return (
        f"acceleration={acceleration} must not be above maximum={maximum}; "
        "write sar_acceleration_maximum, for example sar_0.02_0.2"
    )


SAR: Final = Family(
    name="sar",
    outputs=("sar",),
    parameters=(Parameter("acceleration", 0.02, 0.0001, 1.0), Parameter("maximum", 0.2, 0.0001, 1.0)),
    short=True,
    inputs=("count", "high", "low"),
    state_size=lambda _acceleration, _maximum: 6,
    warmup=lambda _acceleration, _maximum: (2,),
    step=step,
    group="trend",
    check=_check,
)
