"""From the ensemble's class probabilities to what a signal says of them."""

import math

import numpy as np
from numpy.typing import NDArray

from agents.decision.compiled import compiled
from agents.decision.decisions import BUY, HOLD, SELL
from streams.columns import F64, U8

DOWN, FLAT, UP = 0, 1, 2
"""Places of the classes of a direction or a barrier."""


def shares_up(classes: F64) -> F64:
    """[...]: P(up) / (P(up) + P(down)) of [..., 3]; 0.5 where both are 0, NaN where they are."""
    out = np.empty(classes.shape[:-1])
    _shares(np.array(classes, np.float64, order="C").reshape(-1, 3), out.reshape(-1))
    return out


def calibrated_classes(classes: F64, probability_up: F64) -> F64:
    """[n, 3]: the flat share of `classes` [n, 3] as it is, the rest shared by `probability_up` [n], that of a move."""
    out = np.empty(classes.shape)
    _split(np.array(classes, np.float64, order="C"), np.array(probability_up, np.float64), out)
    return out


def verdicts(classes: F64, act_above: float, threshold: float) -> tuple[F64, U8, NDArray[np.bool_]]:
    """Confidence, action and tier of calibrated `classes` [n, 3].

        confidence = |P(up) - P(down)|; 0 where they are NaN
        high       = max(P(up), P(down)) >= threshold
        action     = the likelier direction where confidence > act_above or high, else hold

    Args:
        classes: [n, 3]; NaN where no member answered.
        act_above: in [0, 1).
        threshold: of the tier; NaN: there is none.

    Returns:
        Each [n]; actions are codes of `decisions.ACTIONS`.
    """
    n = len(classes)
    confidence, action, high = np.empty(n), np.empty(n, np.uint8), np.empty(n, np.bool_)
    _judge(np.array(classes, np.float64, order="C"), float(act_above), float(threshold), confidence, action, high)
    return confidence, action, high


@compiled
def _shares(classes: F64, out: F64) -> None:
    """The formula of `shares_up`, row by row."""
    for i in range(len(out)):
        moves = classes[i, UP] + classes[i, DOWN]
        out[i] = 0.5 if moves == 0.0 else classes[i, UP] / moves


@compiled
def _split(classes: F64, probability_up: F64, out: F64) -> None:
    """The formula of `calibrated_classes`, row by row."""
    for i in range(len(probability_up)):
        moves = classes[i, UP] + classes[i, DOWN]
        out[i, DOWN] = moves * (1.0 - probability_up[i])
        out[i, FLAT] = classes[i, FLAT]
        out[i, UP] = moves * probability_up[i]


@compiled
def _judge(
    classes: F64, act_above: float, threshold: float, confidence: F64, action: U8, high: NDArray[np.bool_]
) -> None:
    """The formulas of `verdicts`, row by row."""
    for i in range(len(confidence)):
        edge = classes[i, UP] - classes[i, DOWN]
        if math.isnan(edge):
            edge = 0.0
        confidence[i] = abs(edge)
        # Comparisons with NaN are false: neither an absent threshold nor an absent answer is high.
        high[i] = edge != 0.0 and max(classes[i, UP], classes[i, DOWN]) >= threshold
        acts = confidence[i] > act_above or high[i]
        action[i] = HOLD if not acts else BUY if edge > 0.0 else SELL
