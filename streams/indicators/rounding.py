"""When two prices differ by more than rounding."""

from typing import Final

from streams.indicators.indicator import compiled

ROUNDING: Final = 1e-14
"""Of the sum of two prices: prices are no binary fractions, and sums of them that should be equal may be some units in
the last place apart. TA-Lib since 0.8 takes the same."""


@compiled
def differ(a: float, b: float) -> bool:
    """Whether |a - b| > 1e-14 (a + b), for a and b >= 0: 2e-9 at a price of 1e5."""
    return abs(a - b) > ROUNDING * (a + b)
