"""Scores of probabilities against what came, with intervals."""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from agents.training.figures import Bin
from agents.training.intervals import Bootstrap, Estimate, ratio
from streams.columns import F64, I64

FLOOR: Final = 1e-6
"""Least probability in a log loss: one answer that was sure and wrong costs 13.8, not infinity."""
BINS: Final = 10
RANKS: Final = 256
"""Steps that scores are sorted into for the area under the curve; equal ones count as half."""


def brier_scores(probabilities: F64, label: I64) -> F64:
    """[n]: sum over the classes of (probability - came)^2, in [0, 2]. `probabilities` [n, c], `label` [n] in [0, c)."""
    own = np.take_along_axis(probabilities, label[:, None], axis=1)[:, 0]
    return np.asarray((probabilities**2).sum(axis=1) - 2.0 * own + 1.0)


def log_losses(probabilities: F64, label: I64) -> F64:
    """[n]: -ln of the probability of what came, at most -ln(FLOOR)."""
    own = np.take_along_axis(probabilities, label[:, None], axis=1)[:, 0]
    return np.asarray(-np.log(np.maximum(own, FLOOR)))


def scored(
    boot: Bootstrap, probabilities: F64, label: I64, where: NDArray[np.bool_] | None = None, *, directional: bool
) -> dict[str, Estimate]:
    """`accuracy`, `balanced_accuracy`, `brier`, `log_loss`, and of a direction `auc` of up against down."""
    taken = np.ones(len(label), np.bool_) if where is None else where
    hit = probabilities.argmax(axis=1) == label
    found = {
        "accuracy": boot.share(hit, taken),
        "balanced_accuracy": _balanced(boot, hit, label, taken, probabilities.shape[1]),
        "brier": boot.mean(brier_scores(probabilities, label), taken),
        "log_loss": boot.mean(log_losses(probabilities, label), taken),
    }
    if directional:
        moved = probabilities[:, 0] + probabilities[:, 2]
        share = np.divide(probabilities[:, 2], moved, out=np.full(len(moved), 0.5), where=moved > 0)
        found["auc"] = area(boot, share, label == 2, taken & (label != 1))
    return found


def area(boot: Bootstrap, score: F64, came: NDArray[np.bool_], where: NDArray[np.bool_]) -> Estimate:
    """Area under the ROC curve of `score` [n] for `came` [n] over the rows of `where`."""
    if not (came & where).any() or not (~came & where).any():
        return Estimate(None, n=int(where.sum()))
    edges = np.unique(np.quantile(score[where], np.linspace(0.0, 1.0, RANKS + 1)[1:-1]))
    rank = np.where(where, np.searchsorted(edges, score, side="right"), -1)
    steps = len(edges) + 1

    def of(sums: F64) -> F64:
        up, down = sums[..., :steps], sums[..., steps:]
        below = np.cumsum(down, axis=-1) - down
        with np.errstate(divide="ignore", invalid="ignore"):
            pairs = up.sum(axis=-1) * down.sum(axis=-1)
            return np.asarray((up * (below + down / 2.0)).sum(axis=-1) / pairs)

    return _within(boot.figure(boot.grouped(rank, steps, _numbers(came), _numbers(~came)), of, int(where.sum())))


def calibration_error(
    boot: Bootstrap, said: F64, came: NDArray[np.bool_], where: NDArray[np.bool_], bins: int = BINS
) -> Estimate:
    """ECE: mean distance of what was said from what came over `bins` equal bins of the probability, by their rows.

    It is above 0 by chance alone; the interval is cut at 0.
    """
    group = np.where(where, bin_of(said, bins), -1)

    def of(sums: F64) -> F64:
        with np.errstate(divide="ignore", invalid="ignore"):
            apart = np.abs(sums[..., :bins] - sums[..., bins : 2 * bins]).sum(axis=-1)
            return np.asarray(apart / sums[..., 2 * bins :].sum(axis=-1))

    return _within(
        boot.figure(boot.grouped(group, bins, said, _numbers(came), np.ones(len(said))), of, int(where.sum()))
    )


def reliability(
    boot: Bootstrap, said: F64, came: NDArray[np.bool_], where: NDArray[np.bool_], bins: int = BINS
) -> tuple[Bin, ...]:
    """What was said and what came, in equal bins of the probability; bins without rows are left out."""
    group = bin_of(said, bins)
    found = []
    for at in range(bins):
        rows = where & (group == at)
        if rows.any():
            found.append(Bin(float(said[rows].mean()), boot.share(came, rows)))
    return tuple(found)


def bin_of(said: F64, bins: int) -> I64:
    """[n], the bin of each probability; of NaN the first."""
    return np.minimum(np.nan_to_num(said) * bins, bins - 1).astype(np.int64)


def _balanced(boot: Bootstrap, hit: NDArray[np.bool_], label: I64, where: NDArray[np.bool_], classes: int) -> Estimate:
    """Mean over the classes that came of the share of their rows that were right."""
    group = np.where(where, label, -1)

    def of(sums: F64) -> F64:
        recall = ratio(np.stack((sums[..., :classes], sums[..., classes:]), axis=-1))
        with np.errstate(invalid="ignore"):
            return np.asarray(np.nansum(recall, axis=-1) / np.isfinite(recall).sum(axis=-1))

    return _within(boot.figure(boot.grouped(group, classes, _numbers(hit), np.ones(len(label))), of, int(where.sum())))


def _numbers(flags: NDArray[np.bool_]) -> F64:
    return flags.astype(np.float64)


def _within(figure: Estimate) -> Estimate:
    """The interval of a figure that cannot leave [0, 1]."""
    if figure.low is None or figure.high is None:
        return figure
    return msgspec.structs.replace(figure, low=max(0.0, figure.low), high=min(1.0, figure.high))
