"""Calibration: the ensemble's share of up into the probability that a move goes up."""

import math
from itertools import pairwise
from typing import Final

import numpy as np

from agents.decision.compiled import compiled
from streams.columns import F64
from streams.errors import ConfigError
from tables.models.manifest import Calibration

EDGE: Final = 1e-6
"""Shares, and what they become, are kept this far from 0 and 1: nothing is certain, and log losses stay finite."""

_NONE: Final = 0
_PLATT: Final = 1
_ISOTONIC: Final = 2


class Calibrator:
    """The map of a `Calibration`, row by row in float64."""

    def __init__(self, calibration: Calibration) -> None:
        """Check that it is a rising map.

        Raises:
            ConfigError: the points do not rise, or are not as many as its kind needs.
        """
        x, y = calibration.x, calibration.y
        finite = all(math.isfinite(number) for number in (*x, *y))
        if calibration.kind == "isotonic":
            rising = all(a < b for a, b in pairwise(x)) and all(a <= b for a, b in pairwise(y))
            if not (finite and x and len(x) == len(y) and rising and y[0] >= 0.0 and y[-1] <= 1.0):
                raise ConfigError(
                    f"calibration: isotonic with {len(x)} x and {len(y)} y: give as many of each, x rising, y not "
                    "falling and within 0 to 1; train the model again"
                )
        elif calibration.kind == "platt" and not (finite and len(x) == 1 and len(y) == 1):
            raise ConfigError(f"calibration: platt with x={x}, y={y}: give one number each; train the model again")
        self._kind = {"none": _NONE, "platt": _PLATT, "isotonic": _ISOTONIC}[calibration.kind]
        self._x = np.array(x, np.float64)
        self._y = np.array(y, np.float64)

    def __call__(self, share: F64) -> F64:
        """[n], within EDGE of (0, 1): the probability that a move goes up, of shares [n] in [0, 1]; NaN stays NaN."""
        out = np.empty(len(share))
        _calibrate(np.array(share, np.float64), self._kind, self._x, self._y, out)
        return out


@compiled
def _calibrate(share: F64, kind: int, x: F64, y: F64, out: F64) -> None:
    """The formulas of `Calibration`, row by row."""
    last = len(x) - 1
    for i in range(len(share)):
        s = share[i]
        if math.isnan(s):
            out[i] = math.nan
            continue
        s = min(max(s, EDGE), 1.0 - EDGE)
        if kind == _PLATT:
            s = 1.0 / (1.0 + math.exp(-(x[0] * math.log(s / (1.0 - s)) + y[0])))
        elif kind == _ISOTONIC:
            if s <= x[0]:
                s = y[0]
            elif s >= x[last]:
                s = y[last]
            else:
                low, high = 0, last
                while high - low > 1:
                    middle = (low + high) // 2
                    if x[middle] <= s:
                        low = middle
                    else:
                        high = middle
                s = y[low] + (y[high] - y[low]) * ((s - x[low]) / (x[high] - x[low]))
        out[i] = min(max(s, EDGE), 1.0 - EDGE)
