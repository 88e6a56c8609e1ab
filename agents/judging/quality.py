"""Figures of a model's live quality, from its sums."""

import math
from typing import NamedTuple

from agents.judging.tallies import (
    ANSWERED,
    BINS,
    BRIER,
    HIGH,
    HIGH_RIGHT,
    LOG_LOSS,
    MOVES,
    RIGHT,
    SCORED,
    WIDTH,
)
from streams.columns import F64


class Quality(NamedTuple):
    """What matured outcomes say; NaN where there are none. Defined as in the report of the training."""

    n: float
    """Outcomes; recent ones count less the older they are."""
    accuracy: float
    """Share of the scored ones whose likeliest class came."""
    brier: float
    """In [0, 2]."""
    log_loss: float
    """In nats."""
    ece: float
    """Calibration error of P(up) over the moves: mean distance of what was said from what came, by equal bins."""
    coverage: float
    """Share of the outcomes in the high tier."""
    precision: float
    """Share of those that moved as called."""


def quality_of(sums: F64) -> Quality:
    """Figures of one cell of `agents.judging.tallies`."""
    s: list[float] = sums.tolist()
    moves = [s[at : at + 3] for at in range(MOVES, WIDTH, 3)]
    assert len(moves) == BINS, "one for each bin"
    return Quality(
        n=s[ANSWERED],
        accuracy=_ratio(s[RIGHT], s[SCORED]),
        brier=_ratio(s[BRIER], s[SCORED]),
        log_loss=_ratio(s[LOG_LOSS], s[SCORED]),
        ece=_ratio(sum(abs(said - came) for _, said, came in moves), sum(n for n, _, _ in moves)),
        coverage=_ratio(s[HIGH], s[ANSWERED]),
        precision=_ratio(s[HIGH_RIGHT], s[HIGH]),
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0.0 else math.nan
