"""Calibration of the direction, on a part of the data that no member and no stacker has seen."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.decision.calibration import EDGE
from streams.columns import F64
from tables.models.manifest import Calibration

ISOTONIC_MOVES: Final = 4_000
"""So many rows that moved are enough for isotonic regression; with fewer it would follow the noise, and Platt's two
numbers are fitted."""
BINS: Final = 25
"""Isotonic regression is fitted to bins of like rows: its points are means, not single rows."""
ENOUGH: Final = 1e-10
"""Smaller steps change no probability that anybody sees."""
LEAST_MOVES: Final = 100
"""With fewer there is no calibration."""


def fit_calibration(share: F64, went_up: NDArray[np.bool_]) -> Calibration:
    """The map from the ensemble's share of up to the probability that a move goes up.

    Args:
        share: [n] in [0, 1], of rows that moved, none NaN.
        went_up: [n].
    """
    if len(share) < LEAST_MOVES or went_up.all() or not went_up.any():
        return Calibration()
    share = np.clip(share, EDGE, 1.0 - EDGE)
    return isotonic(share, went_up) if len(share) >= ISOTONIC_MOVES else platt(share, went_up)


def platt(share: F64, went_up: NDArray[np.bool_], steps: int = 50) -> Calibration:
    """Platt's two numbers by Newton's method, on the logit of `share`; the first of them never falls below 0.

    Targets are (n1 + 1) / (n1 + 2) and 1 / (n0 + 2), as in Platt (1999): a few rows cannot make it certain.
    """
    x = np.log(share / (1.0 - share))
    ups = int(went_up.sum())
    target = np.where(went_up, (ups + 1.0) / (ups + 2.0), 1.0 / (len(x) - ups + 2.0))
    at = np.array([1.0, 0.0])
    for _ in range(steps):
        p = 1.0 / (1.0 + np.exp(-(at[0] * x + at[1])))
        w = np.maximum(p * (1.0 - p), 1e-9)
        gradient = np.array([((p - target) * x).sum(), (p - target).sum()])
        hessian = np.array([[(w * x * x).sum() + 1e-6, (w * x).sum()], [(w * x).sum(), w.sum() + 1e-6]])
        step, loss = np.linalg.solve(hessian, gradient), _loss(at, x, target)
        # Newton's step may be much too long where the shares are too sure of themselves.
        while _loss(at - step, x, target) > loss and np.abs(step).max() > ENOUGH:
            step = step / 2.0
        at = at - step
        if np.abs(step).max() <= ENOUGH:
            break
    a, b = float(at[0]), float(at[1])
    if not a > 0.0:
        mean = float(target.mean())
        a, b = 0.0, float(np.log(mean / (1.0 - mean)))
    return Calibration("platt", (a,), (b,))


def _loss(at: F64, x: F64, target: F64) -> float:
    """Cross entropy of `target` and the probabilities that `at` gives."""
    odds = at[0] * x + at[1]
    return float((np.logaddexp(0.0, odds) - target * odds).sum())


def isotonic(share: F64, went_up: NDArray[np.bool_]) -> Calibration:
    """Means of bins of like rows, made to rise by pooling adjacent violators; each as if it had one of each more."""
    order = np.argsort(share, kind="stable")
    blocks: list[tuple[float, float, float]] = []  # rows, ups, sum of shares
    for bin_ in np.array_split(order, BINS):
        block = (float(len(bin_)), float(went_up[bin_].sum()), float(share[bin_].sum()))
        blocks.append(block)
        while len(blocks) > 1 and blocks[-2][1] * blocks[-1][0] >= blocks[-1][1] * blocks[-2][0]:
            last = blocks.pop()
            blocks[-1] = tuple(a + b for a, b in zip(blocks[-1], last, strict=True))  # type: ignore[assignment]
    points = {total / rows: (ups + 1.0) / (rows + 2.0) for rows, ups, total in blocks}
    x = sorted(points)
    y = np.maximum.accumulate([points[one] for one in x])
    return Calibration("isotonic", tuple(x), tuple(y.tolist()))
