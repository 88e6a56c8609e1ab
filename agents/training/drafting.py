"""A version as it comes into being: its ONNX files, and manifests that become more complete step by step.

Calibration, threshold and the test are done on the answers of the very `ModelVersion` that serves, so nothing of what
is chosen rests on another arithmetic.
"""

import hashlib
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import msgspec
import numpy as np

from agents.decision.decisions import Decisions
from agents.decision.inputs import F32, able_members
from agents.decision.scores import Scores
from agents.decision.version import ModelVersion
from agents.training.dataset import Dataset, rows_of
from agents.training.export_onnx import exported
from agents.training.layers import Layers
from agents.training.members import KINDS
from agents.training.stacking import Fittings
from streams.columns import F64, I64
from tables.models.manifest import MemberFile, ModelManifest, StackerFile

PARITY_ROWS: Final = 20_000
AT_ONCE: Final = 50_000
LIBRARIES: Final = ("numpy", "scikit-learn", "lightgbm", "xgboost", "onnx", "onnxmltools", "skl2onnx", "onnxruntime")
STACKER: Final = "stacker.onnx"


class Files(msgspec.Struct, frozen=True):
    """The ONNX files of a version."""

    content: dict[str, bytes]
    """Path relative to the version's folder -> content."""
    members: tuple[MemberFile, ...]
    stacker: StackerFile | None
    parity: dict[str, float]
    """Member -> largest difference of a probability between the model and its file."""


def export(data: Dataset, fittings: Fittings, stacker: Layers | None, on_step: Callable[[str], None]) -> Files:
    """Every member and the stacker as ONNX, compared with the originals on at most PARITY_ROWS rows.

    Raises:
        ConfigError: a file gives other probabilities than its model.
    """
    rows = _spaced(len(data), PARITY_ROWS)
    classes = len(data.classes)
    content, members, parity = {}, [], {}
    for name, fitted in fittings.members.items():
        on_step(f"{name} to ONNX")
        matrix = data.matrix[rows]
        matrix = matrix[able_members(matrix, data.inputs, [KINDS[name].takes_nan])[:, 0]]
        raw, parity[name] = exported(name, fitted, np.ascontiguousarray(matrix), classes)
        file = f"members/{name}.onnx"
        content[file] = raw
        members.append(MemberFile(name, name, file, hashlib.sha256(raw).hexdigest(), KINDS[name].takes_nan))
    if stacker is None:
        return Files(content, tuple(members), None, parity)
    drawn = np.random.default_rng(0).dirichlet(np.ones(classes), (1_000, len(members)))
    inputs = np.log(np.maximum(drawn, 1e-6)).reshape(1_000, -1).astype(np.float32)
    raw, parity["stacker"] = exported("stacker", stacker, inputs, classes)
    content[STACKER] = raw
    return Files(content, tuple(members), StackerFile(STACKER, hashlib.sha256(raw).hexdigest()), parity)


class Draft:
    """A manifest and its files, asked about rows of the data."""

    def __init__(self, manifest: ModelManifest, files: Files) -> None:
        self._version = ModelVersion(manifest, files.content, manifest.feature_set.outputs)

    def answer(self, data: Dataset, rows: I64) -> tuple[Scores, Decisions]:
        """What the version says about some rows, as it will say it when it serves."""
        parts = []
        for start in range(0, max(len(rows), 1), AT_ONCE):
            some = rows_of(data, rows[start : start + AT_ONCE])
            scores = self._version.score(some.values, some.price)
            parts.append((scores, self._version.decide(some.values, some.price, scores=scores)))
        return _joined([scores for scores, _ in parts]), _decisions([decisions for _, decisions in parts])


def predictor(manifest: ModelManifest, files: Files) -> Callable[[F32], F64]:
    """Inputs [n, k] -> the version's classes [n, c]: itself, bound to its inputs as they are."""
    outputs = tuple(one.output for one in manifest.inputs)
    inputs = tuple(msgspec.structs.replace(one, form="raw") for one in manifest.inputs)
    bound = ModelVersion(msgspec.structs.replace(manifest, inputs=inputs), files.content, outputs)

    def predict(matrix: F32) -> F64:
        found = bound.decide(matrix.astype(np.float64), np.ones(len(matrix))).classes
        assert found is not None
        return found

    return predict


def libraries() -> dict[str, str]:
    """Versions of what trained the model."""
    found = {}
    for name in (*LIBRARIES, "xgboost-cpu"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def data_hash(data: Dataset) -> str:
    """SHA-256 over the rows: times, symbols, inputs, returns."""
    digest = hashlib.sha256()
    for column in (data.ts_ns, data.matrix, data.return_bps):
        digest.update(np.ascontiguousarray(column).tobytes())
    digest.update("\n".join(data.symbol.tolist()).encode())
    return digest.hexdigest()


def _spaced(n: int, most: int) -> I64:
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).astype(np.int64)


def _joined(parts: list[Scores]) -> Scores:
    first = parts[0]
    return Scores(
        np.concatenate([one.probabilities for one in parts]),
        np.concatenate([one.usable for one in parts]),
        np.concatenate([one.able for one in parts]),
        first.errors,
    )


def _decisions(parts: list[Decisions]) -> Decisions:
    if len(parts) == 1:
        return parts[0]
    columns = ("probability_up", "confidence", "action", "expected_return_bps", "risk", "members", "effective_weights",
               "classes", "high", "fallback")  # fmt: skip
    return Decisions(
        **{name: np.concatenate([getattr(one, name) for one in parts]) for name in columns},
        weights=parts[0].weights,
        reason=[reason for one in parts for reason in one.reason],
        names=parts[0].names,
        horizon_ms=parts[0].horizon_ms,
    )
