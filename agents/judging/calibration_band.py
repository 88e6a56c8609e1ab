"""Whether a model's calibration has left its band, watched for ever without false alarms.

Decisions are gathered in windows of one horizon of event time, and every second window is looked at: what its
decisions came to is known when the next one begins. A window gives the means r of five residuals, with y = 1 for a
rise and p = P(up), over its decisions that moved:

    `bias-up`, `bias-down`   p - y, y - p: rises are said more, or less, often than they come
    `overconfident`          p - y where p > 1/2, else y - p: what is said comes less often
    `underconfident`         the opposite
    `tier`                   the precision promised less the share of right ones, over the calls of the high tier

However many symbols move together, a window is one observation. In the band, the mean of r given all before is at most
`tolerance` (of `tier`: at most 0). Then for every bet b the sum

    M_t = (M_{t-1} + 1) * (1 + b * (r_t - tolerance))

grows by at most 1 a window in the mean (a Shiryaev-Roberts e-detector: Shin, Ramdas and Rinaldo, E-detectors, 2023), so
the mean M over a few bets reaches THRESHOLD at the earliest after THRESHOLD windows on average, whatever the
probabilities and however the market dances: with the five together, 2,000,000 looks.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.decision.compiled import compiled
from agents.decision.outcomes import Outcomes
from streams.columns import F64, I64

WATCHED: Final = ("bias-up", "bias-down", "overconfident", "underconfident", "tier")
BETS: Final = (0.05, 0.15, 0.4, 0.8)
THRESHOLD: Final = 1e7
LEAST_TOLERANCE: Final = 0.03
"""Of the band, whatever the training measured: markets are not the test set to the last percent."""
USUAL_TOLERANCE: Final = 0.05
"""Where the training measured no calibration error."""


class Left(NamedTuple):
    """A band that was left."""

    watched: str
    tolerance: float
    apart: float
    """Mean residual of the windows since the evidence began to grow."""
    windows: int
    """How many those are."""


class CalibrationBand:
    """Of one model."""

    def __init__(self, horizon_ms: int, tolerance: float, precision: float | None = None) -> None:
        """`tolerance`: of what comes from what was said; `precision`: what the tier promised, None: nothing."""
        self._horizon_ns = horizon_ms * 1_000_000
        self.tolerance = tolerance
        self._precision = math.nan if precision is None else precision
        self._tolerances = np.array([tolerance] * 4 + [0.0])
        self._window = -1
        self._sums = np.zeros((3, 2))
        """Of the open window: (sum, count) of p - y, of its confident form, and of the tier."""
        self._evidence = np.zeros((len(WATCHED), len(BETS)))
        self._grown = np.zeros((len(WATCHED), 2))
        """(sum of residuals, windows) since the evidence was last small."""

    def see(self, outcomes: Outcomes) -> Left | None:
        """Take n outcomes; the first band that was left with them. Its evidence then begins anew."""
        left, self._window = _see(
            self._window,
            outcomes.ts_ns // self._horizon_ns,
            np.ascontiguousarray(outcomes.probability_up),
            np.ascontiguousarray(outcomes.high),
            outcomes.label,
            self._precision,
            self._sums,
            self._evidence,
            self._grown,
            self._tolerances,
            np.array(BETS),
        )
        if left < 0:
            return None
        total, windows = self._grown[left].tolist()
        found = Left(WATCHED[left], float(self._tolerances[left]), total / max(windows, 1.0), int(windows))
        self._evidence[left] = 0.0
        self._grown[left] = 0.0
        return found


@compiled
def _see(
    window: int,
    windows: I64,
    up: F64,
    high: NDArray[np.bool_],
    label: NDArray[np.int8],
    precision: float,
    sums: F64,
    evidence: F64,
    grown: F64,
    tolerances: F64,
    bets: F64,
) -> tuple[int, int]:
    """The recursion of the module's docstring; which band was left (-1: none), and the window that is open."""
    left = -1
    for i in range(len(windows)):
        if windows[i] % 2 != 0 or windows[i] < window or math.isnan(up[i]):
            continue  # a straggler of an older window is left out: its window has been looked at
        if windows[i] > window:
            for k in range(len(tolerances)):
                of = 0 if k < 2 else 1 if k < 4 else 2
                if sums[of, 1] == 0.0:
                    continue
                r = sums[of, 0] / sums[of, 1]
                if k == 1 or k == 3:  # noqa: PLR1714 - numba compiles no set of constants here
                    r = -r
                mean = 0.0
                for b in range(len(bets)):
                    bet = bets[b] / (1.0 + tolerances[k])
                    evidence[k, b] = (evidence[k, b] + 1.0) * (1.0 + bet * (r - tolerances[k]))
                    mean += evidence[k, b] / len(bets)
                if mean < 100.0:
                    grown[k, 0], grown[k, 1] = 0.0, 0.0
                grown[k, 0] += r
                grown[k, 1] += 1.0
                if mean >= THRESHOLD and left < 0:
                    left = k
            sums[:] = 0.0
            window = windows[i]
        p = up[i]
        if label[i] != 0:
            residual = p - 1.0 if label[i] > 0 else p
            sums[0, 0] += residual
            sums[0, 1] += 1.0
            if p != 0.5:
                sums[1, 0] += residual if p > 0.5 else -residual
                sums[1, 1] += 1.0
        if high[i] and not math.isnan(precision):
            sums[2, 0] += precision - (1.0 if (label[i] > 0) == (p > 0.5) and label[i] != 0 else 0.0)
            sums[2, 1] += 1.0
    return left, window
