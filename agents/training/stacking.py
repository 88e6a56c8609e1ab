"""Members over the walk-forward, and what is learnt from their answers out of sample: stacker and weights."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from agents.decision.inputs import able_members
from agents.decision.stacker import FLOOR, stacker_inputs
from agents.training.dataset import Dataset
from agents.training.layers import Layers, fit_stacker
from agents.training.members import KINDS, Fitted, fit
from agents.training.splits import MEMBERS, Splits
from streams.columns import F64, I64

SHARPNESS_NATS: Final = 0.01
"""A member whose log loss is greater by so much has a weight that is e times smaller."""
LEAST_ROWS: Final = 200
"""Rows that every member answered out of sample; with fewer there is no stacker, and the weighted pool decides."""

OnStep = Callable[[str], None]


class Fittings(NamedTuple):
    """What came of the members' part."""

    members: dict[str, Fitted]
    """Fitted on the whole part."""
    rows: I64
    """Rows that the folds answered."""
    answers: F64
    """[len(rows), m, c], out of sample; NaN where a member cannot answer."""


def fit_members(
    data: Dataset, splits: Splits, names: Sequence[str], *, seed: int, quick: bool, on_step: OnStep
) -> Fittings:
    """Fit every member on each fold and on the whole part; `on_step` hears before each what comes.

    Raises:
        ConfigError: a member cannot be fitted; the message says why.
    """
    classes = len(data.classes)
    rows = np.concatenate([fold.answer for fold in splits.folds])
    answers = np.full((len(rows), len(names), classes), np.nan)
    members = {}
    for j, name in enumerate(names):
        at = 0
        for i, fold in enumerate(splits.folds):
            on_step(f"{name}, fold {i + 1} of {len(splits.folds)}")
            one = fit(name, data.matrix[fold.train], data.index[fold.train], classes, seed=seed, quick=quick)
            answers[at : at + len(fold.answer), j] = answers_of(name, one, data, fold.answer)
            at += len(fold.answer)
        on_step(name)
        whole = splits.parts[MEMBERS]
        members[name] = fit(name, data.matrix[whole], data.index[whole], classes, seed=seed, quick=quick)
    return Fittings(members, rows, answers)


def answers_of(name: str, fitted: Fitted, data: Dataset, rows: I64) -> F64:
    """[len(rows), c]; NaN where the member would not answer as part of a version."""
    found = np.full((len(rows), len(data.classes)), np.nan)
    taken = able_members(data.matrix[rows], data.inputs, [KINDS[name].takes_nan])[:, 0]
    if taken.any():
        found[taken] = fitted.probabilities(data.matrix[rows[taken]])
    return found


def learn_stacker(data: Dataset, fittings: Fittings) -> Layers | None:
    """The stacker from rows that every member answered; None where they are too few, or there is one member."""
    whole = np.isfinite(fittings.answers[:, :, 0]).all(axis=1)
    if whole.sum() < LEAST_ROWS or fittings.answers.shape[1] == 1:
        return None
    inputs = stacker_inputs(fittings.answers[whole])
    return fit_stacker(inputs, data.index[fittings.rows[whole]], len(data.classes))


def learn_weights(data: Dataset, fittings: Fittings, names: Sequence[str]) -> dict[str, float]:
    """Shares by log loss out of sample, on the rows that every member answered; equal ones where there are none."""
    whole = np.flatnonzero(np.isfinite(fittings.answers[:, :, 0]).all(axis=1))
    losses = np.zeros(len(names))
    if len(whole):
        came = data.index[fittings.rows[whole]]
        right = fittings.answers[whole, :, :][np.arange(len(whole)), :, came]
        losses = -np.log(np.maximum(right, FLOOR)).mean(axis=0)
    shares = np.exp(-(losses - losses.min()) / SHARPNESS_NATS)
    # None is silenced: where it alone can answer, it does.
    shares = np.maximum(shares / shares.sum(), 0.01)
    return dict(zip(names, (shares / shares.sum()).tolist(), strict=True))
