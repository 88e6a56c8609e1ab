"""Ultimate oscillator.

`ultosc` (7, 14, 28) or `ultosc_first_second_third` = (4 a + 2 b + c) / 7, without unit, 0 to 100: a, b and c are
100 x (sum of buying pressure) / (sum of true range) over the last `first`, `second` and `third` steps (trades or bars).
Buying pressure is close - min(low, close before), true range is max(high, close before) - min(low, close before); of a
trade the rise and the size of its change.

first is 1 to 10,000, second above first, third above second, all to 10,000.

- State: 2 (first + second + third) + 12 slots: six rolling sums.
- Warm-up: third + 1 steps.
- Flat market (the true ranges of a window are all 0): 50 for that window, where TA-Lib takes 0: without moves there is
  neither buying nor selling pressure.
- Accuracy: within 2 third 2^-52, relative.
- Source: L. Williams, The Ultimate Oscillator, Stocks & Commodities 3 (1985); TA-Lib's ULTOSC, but for the flat market.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.ranges import true_range
from streams.indicators.rolling import RING, push_sum


@compiled
def step(
    state: Any,
    out: Any,
    count: int,
    high: float,
    low: float,
    close: float,
    previous: float,
    first: int,
    second: int,
    third: int,
) -> None:
    """Take one trade or bar."""
    if count == 1:
        return
    pressure = close - min(low, previous)
    reach = true_range(high, low, previous)
    second_at = 2 * (RING + first)
    third_at = second_at + 2 * (RING + second)
    a = _share(state, 0, count - 1, pressure, reach, first)
    b = _share(state, second_at, count - 1, pressure, reach, second)
    c = _share(state, third_at, count - 1, pressure, reach, third)
    out[0] = 100.0 * ((4.0 * a + 2.0 * b + c) / 7.0)


@compiled
def _share(state: Any, at: int, count: int, pressure: float, reach: float, period: int) -> float:
    """Take one pressure and one range, and return the quotient of their sums over `period`, 0 to 1."""
    pressures = push_sum(state, at, count, pressure, period)
    reaches = push_sum(state, at + RING + period, count, reach, period)
    return pressures / reaches if reaches > 0.0 else 0.5


def _check(first: int, second: int, third: int) -> str | None:
    if first < second < third:
        return None
    return (
        f"{first}, {second}, {third} must rise; write ultosc_first_second_third, for example ultosc_7_14_28: "
        f"the first and shortest weighs most"
    )


ULTOSC: Final = Family(
    name="ultosc",
    outputs=("ultosc",),
    parameters=(
        Parameter("first", 7, 1, 10_000),
        Parameter("second", 14, 1, 10_000),
        Parameter("third", 28, 1, 10_000),
    ),
    short=True,
    inputs=("count", "high", "low", "close", "previous"),
    state_size=lambda first, second, third: 2 * (first + second + third + 3 * RING),
    warmup=lambda _first, _second, third: (third + 1,),
    step=step,
    group="momentum",
    check=_check,
)
