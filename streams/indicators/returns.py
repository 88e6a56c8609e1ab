"""Logarithmic returns without the digits that a ratio near 1 loses."""

from math import log, log1p

from streams.indicators.indicator import compiled


@compiled
def log_return(before: float, now: float) -> float:
    """ln(now / before) of two prices > 0, within some 3 x 2^-53 of it, relative; NaN where either is NaN.

    Near 1 the ratio would be rounded to 2^-53 of itself, 1e-5 of a move of 1e-6 at a price of 1e5; the difference of
    two near prices is exact.
    """
    ratio = now / before
    if 0.5 < ratio < 2.0:
        return log1p((now - before) / before)
    return log(ratio)
