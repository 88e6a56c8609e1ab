"""Risk of a decision, from the Bollinger bands of its record."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from streams.columns import F64

BPS: Final = 10_000.0
UPPER: Final = "bb_upper"
LOWER: Final = "bb_lower"


def risk_bps(upper: F64, lower: F64, price: F64) -> F64:
    """[n]: (upper - lower) / 4 / price * 10,000, one standard deviation in bps of the price.

    It is that of the last 20 trade prices, of which the bands lie two from their middle. NaN where a band is not ready
    or `price` is NaN.
    """
    sd: F64 = (upper - lower) / 4.0
    risk: F64 = sd / price * BPS
    return risk


class Bands:
    """The bands among the outputs of a feature set, if it has them."""

    def __init__(self, outputs: Sequence[str]) -> None:
        """`outputs`: names of the columns, in their order."""
        names = [*outputs]
        self._places = (names.index(UPPER), names.index(LOWER)) if {UPPER, LOWER} <= {*names} else None

    def risk_bps(self, values: F64, price: F64) -> F64:
        """[n], of `values` [n, k] and `price` [n]; all NaN without bands, and NaN where there is no price above 0."""
        if self._places is None:
            return np.full(len(price), math.nan)
        upper, lower = self._places
        return risk_bps(values[:, upper], values[:, lower], np.where(price > 0.0, price, math.nan))
