"""Small trained versions for everybody's tests: real members of every kind, fitted in seconds, as in a registry."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from agents.decision.inputs import F32, InputMatrix, default_inputs
from agents.decision.stacker import stacker_inputs
from agents.decision.version import ModelVersion
from agents.training.export_onnx import exported
from agents.training.layers import fit_stacker
from agents.training.members import KINDS, Fitted, fit
from streams.columns import F64, I64
from streams.engine import RealTimeFeatureEngine
from streams.feature_set import FeatureSet
from tables.models.manifest import (
    Calibration,
    Drift,
    FeatureSetUsed,
    Label,
    MemberFile,
    ModelManifest,
    Part,
    StackerFile,
    Tier,
    encode_manifest,
    named,
)

CLASSES: Final = ("down", "flat", "up")
SMALL: Final = FeatureSet.of(
    "small", "sma_5", "sma_20", "ema_12", "rsi_14", "macd", "bbands", "ret_1", "ret_10", "spread"
)
"""A feature set that compiles in a moment; with bands, and with outputs that are missing where there is no quote."""
ROWS: Final = 1_500


class Made:
    """A version: what a registry would have of it."""

    def __init__(
        self,
        manifest: ModelManifest,
        files: Mapping[str, bytes],
        feature_set: FeatureSet,
        fitted: Sequence[Fitted] = (),
    ) -> None:
        """`fitted`: the members as their own libraries have them, and the stacker if there is one."""
        self.manifest = manifest
        self.files = dict(files)
        self.feature_set = feature_set
        self.fitted = [*fitted]

    def load(self) -> ModelVersion:
        """As a worker loads it."""
        return ModelVersion.load(
            self.manifest, self.files, outputs=self.feature_set.outputs, schema=self.feature_set.version
        )

    def changed(self, **fields: Any) -> "Made":
        """Another version with the same files."""
        return Made(named(msgspec.structs.replace(self.manifest, **fields)), self.files, self.feature_set, self.fitted)

    def write(self, registry: Path) -> Path:
        """The folder `<registry>/<name>/<version>` with everything in it."""
        folder = registry / self.manifest.name / self.manifest.version
        for file, content in {**self.files, "manifest.json": encode_manifest(self.manifest)}.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content)
        return folder


def market(feature_set: FeatureSet, *, rows: int = ROWS, seed: int = 0) -> tuple[F64, F64]:
    """Features [n, k] and prices [n] of a random walk with a quote at every other tick, by the engine itself."""
    rng = np.random.default_rng(seed)
    price = 100.0 * np.exp(np.cumsum(rng.standard_normal(rows) * 1e-4))
    quoted = np.where(np.arange(rows) % 2 == 0, 1.0, np.nan)
    ticks = {
        "price": np.round(price, 4),
        "size": rng.integers(1, 100, rows).astype(np.float64),
        "bid": np.round(price, 2) * quoted - 0.01,
        "ask": np.round(price, 2) * quoted + 0.01,
    }
    times = 1_700_000_000_000_000_000 + np.cumsum(rng.integers(1, 2_000_000_000, rows))
    folded = RealTimeFeatureEngine(feature_set).run(ticks, symbols=["SIM000"] * rows, ts_ns=times)
    return folded.values, folded.price


def labels(matrix: F32, *, seed: int = 0) -> I64:
    """[n]: places of the classes, a noisy linear function of the inputs, so that there is something to learn."""
    rng = np.random.default_rng(seed)
    known = np.nan_to_num((matrix - np.nanmean(matrix, axis=0)) / (np.nanstd(matrix, axis=0) + 1e-9))
    score = known @ rng.standard_normal(matrix.shape[1]) + rng.standard_normal(len(matrix))
    return np.asarray(np.digitize(score, np.quantile(score, [0.35, 0.65])), np.int64)


@cache
def version(
    feature_set: FeatureSet = SMALL,
    *,
    members: Sequence[str] = tuple(KINDS),
    stacker: bool = True,
    quick: bool = True,
    rows: int = ROWS,
    seed: int = 0,
    name: str = "tiny",
    calibration: Calibration = Calibration("platt", (1.1,), (0.02,)),  # noqa: B008 - frozen
    threshold: float | None = 0.6,
    horizon_ms: int = 10_000,
) -> Made:
    """Fit a version on a made-up market; the same arguments give the same one, once per session."""
    inputs = default_inputs(feature_set)
    values, price = market(feature_set, rows=rows, seed=seed)
    matrix = InputMatrix(feature_set.outputs, inputs)(values, price)[rows // 3 :]
    known = np.flatnonzero(np.isfinite(matrix).any(axis=0))
    inputs = tuple(inputs[place] for place in known.tolist())
    matrix = np.ascontiguousarray(matrix[:, known])
    matrix[::10, -1] = np.nan  # so that there is one that may be missing
    label = labels(matrix, seed=seed)
    files: dict[str, bytes] = {}
    answers: list[F64] = []
    own: list[Fitted] = []
    made: list[MemberFile] = []
    complete = np.flatnonzero(np.isfinite(matrix).all(axis=1))
    for kind in members:
        fitted = fit(kind, matrix, label, len(CLASSES), seed=seed, quick=quick)
        own.append(fitted)
        file = f"members/{kind}.onnx"
        files[file], _ = exported(kind, fitted, matrix[complete], len(CLASSES))
        answers.append(fitted.probabilities(matrix[complete]))
        made.append(MemberFile(kind, kind, file, sha256(files[file]), KINDS[kind].takes_nan))
    if stacker:
        stacked = stacker_inputs(np.stack(answers, axis=1))
        layers = fit_stacker(stacked, label[complete], len(CLASSES))
        own.append(layers)
        files["stacker.onnx"], _ = exported("stacker", layers, stacked, len(CLASSES))
    manifest = ModelManifest(
        name=name,
        created="2026-01-01T00:00:00Z",
        feature_set=FeatureSetUsed(feature_set.name, feature_set.version, feature_set.outputs),
        inputs=tuple(
            msgspec.structs.replace(one, missing=bool(np.isnan(column).any()))
            for one, column in zip(inputs, matrix.T, strict=True)
        ),
        label=Label("direction", horizon_ms, dead_band_bps=0.5),
        classes=CLASSES,
        members=tuple(made),
        stacker=StackerFile("stacker.onnx", sha256(files["stacker.onnx"])) if stacker else None,
        weights={kind: place + 1.0 for place, kind in enumerate(members)},
        calibration=calibration,
        tier=Tier(0.93, threshold, 0.94, 0.92, 0.96, 0.1),
        act_above=0.2,
        move_bps=2.5,
        data={"hash": "0" * 64, "rows": len(matrix), "symbols": ["SIM000"]},
        splits=(Part("members", 0, 1, len(matrix)),),
        drift=(Drift("probability_up", (0.25, 0.5, 0.75), (0.25, 0.25, 0.25, 0.25)),),
        metrics={"accuracy": {"value": 0.5, "low": 0.45, "high": 0.55}},
        seed=seed,
    )
    return Made(named(manifest), files, feature_set, own)


def sha256(content: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(content).hexdigest()
