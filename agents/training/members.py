"""Members of the ensemble: five kinds of model, each fitted the same way twice for the same rows and seed.

Every kind learns class probabilities from float32 inputs, missing ones NaN. The tree models take a missing input as it
is; the logistic regression and the MLP learn from complete rows and answer complete rows only. Threads are fixed or
sums are taken in one order, so the bits do not depend on the machine's cores.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from agents.decision.inputs import F32
from agents.training.layers import logistic, mlp
from agents.training.sampling import EXTRA
from agents.training.trees import lightgbm, random_forest, xgboost
from streams.columns import F64, I64
from streams.errors import ConfigError


class Fitted(Protocol):
    """A fitted model."""

    def probabilities(self, x: F32) -> F64:
        """[n, c] of inputs [n, k]."""

    def onnx(self, width: int, classes: int) -> bytes:
        """The model as an ONNX file: `inputs` float32 [n, width] -> `probabilities` float32 [n, classes]."""


@dataclass(frozen=True)
class Kind:
    """One kind of member."""

    fit: Callable[[F32, I64, int, int, bool], Fitted]
    """From inputs, places of the classes, number of classes, seed and whether it is to be quick."""
    takes_nan: bool


def fit(kind: str, x: F32, label: I64, classes: int, *, seed: int, quick: bool) -> Fitted:
    """Fit a member.

    Args:
        kind: a name of `KINDS`.
        x: [n, k]; NaN where an input is missing.
        label: [n], places of the classes.
        classes: how many there are; one that has no row is thought to have come once, at the medians of the inputs.
        seed: of everything that is drawn.
        quick: a smaller model.

    Raises:
        ConfigError: the libraries are not installed, or no row is complete where the kind needs that.
    """
    rows = np.arange(len(x))
    if not KINDS[kind].takes_nan:
        rows = np.flatnonzero(np.isfinite(x).all(axis=1))
        if not len(rows):
            raise ConfigError(
                f"--members {kind}: it learns from rows without missing inputs, and no row is complete; leave it out "
                "of --members, or leave what is missing out of the feature set"
            )
    x, label = x[rows], label[rows]
    absent = np.setdiff1d(np.arange(classes), label)
    if len(absent):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a column without any number
            middle = np.nanmedian(x, axis=0).astype(np.float32)
        x, label = np.vstack((x, np.tile(middle, (len(absent), 1)))), np.concatenate((label, absent))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that so many steps did not converge: they are meant to be so many
            return KINDS[kind].fit(np.ascontiguousarray(x), label, classes, seed, quick)
    except ImportError as error:
        raise ConfigError(f"{error}: {EXTRA}") from None


KINDS: Final[dict[str, Kind]] = {
    "lightgbm": Kind(lightgbm, takes_nan=True),
    "xgboost": Kind(xgboost, takes_nan=True),
    "random_forest": Kind(random_forest, takes_nan=True),
    "logistic": Kind(logistic, takes_nan=False),
    "mlp": Kind(mlp, takes_nan=False),
}
"""In the order in which a version names them."""
