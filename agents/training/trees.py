"""Members made of trees: LightGBM, XGBoost and a random forest. A missing input is NaN and goes its own way."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from agents.decision.inputs import F32
from agents.training.sampling import spaced
from streams.columns import F64, I64

THREADS: Final = 2
"""Of LightGBM and XGBoost: the same everywhere, for the order of their sums depends on it."""


@dataclass(frozen=True)
class Trees:
    """A model of trees, its own library's answer, and what makes an ONNX file of it."""

    predict: Callable[[F32], Any]
    convert: Callable[[int, int], bytes]

    def probabilities(self, x: F32) -> F64:
        """See Fitted."""
        return np.asarray(self.predict(x), np.float64)

    def onnx(self, width: int, classes: int) -> bytes:
        """See Fitted."""
        return self.convert(width, classes)


def lightgbm(x: F32, label: I64, classes: int, seed: int, quick: bool) -> Trees:
    """Boosted trees of 15 leaves. See `agents.training.members.fit`."""
    import lightgbm  # noqa: PLC0415 - the extra

    parameters = {
        "objective": "multiclass",
        "num_class": classes,
        "learning_rate": 0.1 if quick else 0.05,
        "num_leaves": 15,
        "min_data_in_leaf": max(5, min(200, len(x) // 100)),
        "lambda_l2": 5.0,
        "feature_fraction": 0.7,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "max_bin": 127,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": THREADS,
        "seed": seed,
        "verbosity": -1,
    }
    trained = lightgbm.train(parameters, lightgbm.Dataset(x, label), num_boost_round=40 if quick else 120)
    booster = lightgbm.Booster(model_str=_single_thresholds(trained.model_to_string()))

    def convert(width: int, classes: int) -> bytes:
        from agents.training.export_onnx import lightgbm_onnx  # noqa: PLC0415 - needs the extra

        return lightgbm_onnx(booster, width, classes)

    return Trees(lambda inputs: booster.predict(inputs, num_threads=1), convert)


def _single_thresholds(model: str) -> str:
    """The model with thresholds that float32 has: the greatest not above each, which parts float32 inputs alike.

    An ONNX file has float32 thresholds, and the converter (onnxmltools 1.16) rounds to the nearest: an input just above
    a threshold, of which an input with few values has many, would go the other way.
    """
    lines = []
    for line in model.split("\n"):
        if line.startswith("threshold="):
            exact = np.array(line.removeprefix("threshold=").split(), np.float64)
            single = exact.astype(np.float32)
            single = np.where(single > exact, np.nextafter(single, np.float32(-np.inf)), single)
            line = f"threshold={' '.join(repr(float(number)) for number in single)}"  # noqa: PLW2901 - a line of its own
        # Their lengths: without them the trees are read one after the other.
        if not line.startswith("tree_sizes="):
            lines.append(line)
    return "\n".join(lines)


def xgboost(x: F32, label: I64, classes: int, seed: int, quick: bool) -> Trees:  # noqa: ARG001 - as the others
    """Boosted trees of depth 4. See `agents.training.members.fit`."""
    import xgboost  # noqa: PLC0415 - the extra

    model = xgboost.XGBClassifier(
        n_estimators=30 if quick else 100,
        learning_rate=0.15 if quick else 0.08,
        max_depth=4,
        min_child_weight=20 if len(x) > 5_000 else 2,
        reg_lambda=5.0,
        subsample=0.7,
        colsample_bytree=0.7,
        tree_method="hist",
        max_bin=128,
        objective="multi:softprob",
        n_jobs=THREADS,
        random_state=seed,
    )
    model.fit(x, label)

    def convert(width: int, classes: int) -> bytes:
        from agents.training.export_onnx import xgboost_onnx  # noqa: PLC0415 - needs the extra

        return xgboost_onnx(model, width, classes)

    return Trees(model.predict_proba, convert)


def random_forest(x: F32, label: I64, classes: int, seed: int, quick: bool) -> Trees:  # noqa: ARG001 - as the others
    """Trees of depth 7 on halves of the rows. See `agents.training.members.fit`."""
    from sklearn.ensemble import RandomForestClassifier  # type: ignore[import-untyped]  # noqa: PLC0415

    rows = spaced(len(x))
    model = RandomForestClassifier(
        n_estimators=30 if quick else 80,
        max_depth=7,
        min_samples_leaf=max(2, min(100, len(rows) // 200)),
        max_features="sqrt",
        max_samples=0.5,
        n_jobs=THREADS,
        random_state=seed,
    )
    model.fit(x[rows], label[rows])

    def convert(width: int, classes: int) -> bytes:
        from agents.training.export_onnx import forest_onnx  # noqa: PLC0415 - needs the extra

        return forest_onnx(model, width, classes)

    return Trees(model.predict_proba, convert)
