"""Members made of weights: logistic regression, MLP, and the stacker. They need every input."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from agents.decision.inputs import F32
from agents.training.sampling import EXTRA, spaced
from streams.columns import F64, I64
from streams.errors import ConfigError

CLIP: Final = 6.0
"""Standardised inputs are cut off at so many standard deviations: markets have fat tails, which mislead such models."""


@dataclass(frozen=True)
class Layers:
    """Standardised inputs, cut off, through layers of weights: a logistic regression has one, an MLP several.

    Of three classes or more: with two, scikit-learn gives the odds of one of them only.
    """

    mean: F64
    scale: F64
    weights: tuple[F64, ...]
    biases: tuple[F64, ...]

    def probabilities(self, x: F32) -> F64:
        """See Fitted. Rectified between the layers, softmax behind the last."""
        h = np.clip((x.astype(np.float64) - self.mean) / self.scale, -CLIP, CLIP)
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = (np.maximum(h, 0.0) if i else h) @ weight + bias
        odds = np.exp(h - h.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def onnx(self, width: int, classes: int) -> bytes:
        """See Fitted."""
        from agents.training.export_onnx import layers_onnx  # noqa: PLC0415 - needs the extra

        return layers_onnx(self, CLIP, width, classes)


def logistic(x: F32, label: I64, classes: int, seed: int, quick: bool) -> Layers:  # noqa: ARG001 - as the others
    """A multinomial logistic regression, regularised. See `agents.training.members.fit`."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]  # noqa: PLC0415
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415

    rows = spaced(len(x))
    mean, scale, standard = _standardised(x, rows)
    model = LogisticRegression(C=0.05, max_iter=100)
    with threadpool_limits(1):
        model.fit(standard, label[rows])
    return Layers(mean, scale, (_double(model.coef_).T,), (_double(model.intercept_),))


def mlp(x: F32, label: I64, classes: int, seed: int, quick: bool) -> Layers:  # noqa: ARG001 - as the others
    """Two small hidden layers, a fixed number of passes. See `agents.training.members.fit`."""
    from sklearn.neural_network import MLPClassifier  # type: ignore[import-untyped]  # noqa: PLC0415
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    rows = spaced(len(x))
    mean, scale, standard = _standardised(x, rows)
    model = MLPClassifier(
        hidden_layer_sizes=(24, 12),
        alpha=0.05,
        batch_size=min(256, len(rows)),
        learning_rate_init=2e-3,
        max_iter=4 if quick else 8,
        random_state=seed,
    )
    with threadpool_limits(1):
        model.fit(standard.astype(np.float32), label[rows])
    return Layers(mean, scale, tuple(map(_double, model.coefs_)), tuple(map(_double, model.intercepts_)))


def fit_stacker(inputs: F32, label: I64, classes: int) -> Layers:
    """The multinomial logistic regression on `inputs` [n, m * c] of agents/decision/stacker.py.

    Raises:
        ConfigError: the libraries are not installed.
    """
    absent = np.setdiff1d(np.arange(classes), label)
    inputs = np.vstack((inputs, np.tile(np.median(inputs, axis=0), (len(absent), 1)))).astype(np.float32)
    try:
        return logistic(inputs, np.concatenate((label, absent)), classes, 0, False)
    except ImportError as error:
        raise ConfigError(f"{error}: {EXTRA}") from None


def _standardised(x: F32, rows: I64) -> tuple[F64, F64, F64]:
    """Means, standard deviations and the standardised inputs of some rows; a constant one is divided by 1."""
    chosen = x[rows].astype(np.float64)
    mean, deviation = chosen.mean(axis=0), chosen.std(axis=0)
    # As the ONNX file has them.
    mean = mean.astype(np.float32).astype(np.float64)
    scale = np.where(deviation > 0.0, deviation, 1.0).astype(np.float32).astype(np.float64)
    return mean, scale, np.clip((chosen - mean) / scale, -CLIP, CLIP)


def _double(numbers: Any) -> F64:
    return np.asarray(numbers, np.float64)
