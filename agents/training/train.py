"""From a training set to a version of the ensemble, judged on data that nothing of it was chosen on.

members      fitted on each fold and on the whole part                          stacking.py
stacker      on what the folds answered out of their samples                    stacking.py
calibration  of the direction, by the part behind                               calibrating.py
threshold    of the high tier, and of acting, by the part behind that           choosing.py
test         looked at once, by the finished version                            evaluation.py
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from agents.decision.verdict import shares_up
from agents.training.baselines import Baselines
from agents.training.beginning import begun, terciles
from agents.training.calibrating import fit_calibration
from agents.training.choosing import choose_acting, choose_threshold
from agents.training.dataset import Dataset, rows_of
from agents.training.drafting import Draft, Files, export, predictor
from agents.training.drifting import references, references_of_phases
from agents.training.evaluation import Evaluated, evaluate, with_leaks
from agents.training.figures import LeakFinding, Report
from agents.training.importances import importances
from agents.training.options import Training
from agents.training.splits import CALIBRATION, MEMBERS, TEST, THRESHOLD, Splits, split
from agents.training.stacking import fit_members, learn_stacker
from streams.errors import ConfigError
from streams.feature_set import FeatureSet
from tables.models.manifest import SESSION_PHASE, ModelManifest, Tier, named

OnStep = Callable[[str], None]
LeakCheck = Callable[[Dataset, Splits], tuple[LeakFinding, ...]]


class Trained(NamedTuple):
    """A finished version."""

    manifest: ModelManifest
    files: dict[str, bytes]
    report: Report
    parity: dict[str, float]


def train(
    data: Dataset,
    feature_set: FeatureSet,
    asked: Training,
    *,
    on_step: OnStep = lambda _what: None,
    leaks: LeakCheck | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Trained:
    """Train a version; the same data, options and libraries give the same one.

    Args:
        data: of the feature set.
        feature_set: what a worker must have to be served by the version.
        asked: options.
        on_step: hears in words what comes next, `steps` times at most.
        leaks: looks for leaks where the version is better than the baselines by more than its interval.
        now: when the version was made.

    Raises:
        ConfigError: too few rows for the parts, or a library is missing.
    """
    on_step("splits")
    splits = split(data.ts_ns, data.end_ns, folds=asked.folds, embargo_ns=asked.embargo)
    if asked.label.volatility:
        data = data.bounded(terciles(data, splits))
    fittings = fit_members(data, splits, asked.members, seed=asked.seed, quick=asked.quick, on_step=on_step)
    on_step("stacker")
    stacker = learn_stacker(data, fittings)
    files = export(data, fittings, stacker, on_step)
    manifest = begun(data, feature_set, asked, splits, fittings, files)
    on_step("calibration and threshold")
    if not asked.label.volatility:
        manifest = _chosen(manifest, files, data, splits, asked)
    manifest = _drifts(manifest, files, data, splits, feature_set.outputs)
    on_step("the test part")
    report = _judged(manifest, files, data, splits, asked)
    if leaks is not None and (report.better or asked.check_leaks):
        on_step("leaks")
        report = with_leaks(report, leaks(data, splits))
    return Trained(_finished(manifest, report, files, now), files.content, report, files.parity)


def steps(asked: Training) -> int:
    """How often `on_step` is called at most."""
    return len(asked.members) * (asked.folds + 2) + 5


def _chosen(manifest: ModelManifest, files: Files, data: Dataset, splits: Splits, asked: Training) -> ModelManifest:
    """With calibration, threshold and the confidence to act on."""
    rows = splits.parts[CALIBRATION]
    _, found = Draft(manifest, files).answer(data, rows)
    assert found.classes is not None
    share = shares_up(found.classes)
    moved = (data.label[rows] != 0) & np.isfinite(share)
    calibration = fit_calibration(share[moved], data.label[rows][moved] > 0)
    manifest = msgspec.structs.replace(manifest, calibration=calibration)
    rows = splits.parts[THRESHOLD]
    _, found = Draft(manifest, files).answer(data, rows)
    assert found.classes is not None
    answered = np.isfinite(found.classes[:, 0]) & ~found.fallback
    score, right = _score(found.classes, data.label[rows])
    chosen = choose_threshold(
        data.ts_ns[rows][answered], data.horizon_ns, score[answered], right[answered], asked.target_precision
    )
    return msgspec.structs.replace(
        manifest,
        tier=Tier(asked.target_precision, chosen.score),
        act_above=choose_acting(found.confidence[answered]),
    )


def _score(classes: NDArray[np.float64], label: NDArray[np.int8]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Of each row the probability of its called direction, and whether the price went there."""
    up = classes[:, 2] >= classes[:, 0]
    return np.where(up, classes[:, 2], classes[:, 0]), label == np.where(up, 1, -1)


def _drifts(
    manifest: ModelManifest, files: Files, data: Dataset, splits: Splits, outputs: Sequence[str]
) -> ModelManifest:
    """With the distributions of the inputs, and of the probability on the calibration part; of all rows, and of each
    phase of the session where the feature set tells it."""
    members, calibration = splits.parts[MEMBERS], splits.parts[CALIBRATION]
    up = Draft(manifest, files).answer(data, calibration)[1].probability_up
    names = tuple(one.output for one in manifest.inputs)
    matrix = data.matrix[members]
    drift = references(names, matrix, up)
    if SESSION_PHASE in outputs:
        phase = data.values[:, outputs.index(SESSION_PHASE)]
        drift += references_of_phases(names, matrix, phase[members], up, phase[calibration])
    return msgspec.structs.replace(manifest, drift=drift)


def _judged(manifest: ModelManifest, files: Files, data: Dataset, splits: Splits, asked: Training) -> Report:
    """The report on the test part."""
    rows = splits.parts[TEST]
    scores, found = Draft(manifest, files).answer(data, rows)
    assert found.classes is not None
    answered = np.flatnonzero(np.isfinite(found.classes[:, 0]))
    if not len(answered):
        raise ConfigError("the version answers no row of the test part: look at what is missing in the inputs")
    test, learnt = rows_of(data, rows[answered]), rows_of(data, splits.parts[MEMBERS])
    classes = found.classes[answered]
    judged = Evaluated(
        ts_ns=test.ts_ns,
        symbol=test.symbol,
        label=test.index.astype(np.int8) if asked.label.volatility else test.label,
        return_bps=test.return_bps,
        horizon_ns=data.horizon_ns,
        members={name: scores.probabilities[answered, j] for j, name in enumerate(asked.members)},
        classes=classes,
        probability_up=found.probability_up[answered],
        confidence=found.confidence[answered],
        high=found.high[answered],
        inputs=test.matrix,
        input_names=tuple(one.output for one in manifest.inputs),
        last_direction=test.last_direction,
        class_names=data.classes,
        spread_bps=test.spread_bps,
    )
    ask = predictor(manifest, files)
    return evaluate(
        judged,
        baselines=Baselines.fit(
            learnt.index, None if asked.label.volatility else learnt.last_direction, len(data.classes)
        ),
        target_precision=asked.target_precision,
        threshold=manifest.tier.threshold,
        importances=importances(
            ask, test.matrix, judged.input_names, test.index, test.ts_ns, data.horizon_ns, seed=asked.seed
        ),
        seed=asked.seed,
    )


def _finished(manifest: ModelManifest, report: Report, files: Files, now: Callable[[], datetime]) -> ModelManifest:
    """With what came out, and its name."""
    precision, coverage = report.tier.precision, report.tier.coverage
    tier = msgspec.structs.replace(
        manifest.tier,
        precision=precision.value,
        precision_low=precision.low,
        precision_high=precision.high,
        coverage=coverage.value,
    )
    worst = max(files.parity.values(), default=0.0)
    metrics = report.metrics() | {"onnx_parity": {"value": worst, "low": None, "high": None}}
    created = now().isoformat(timespec="seconds")
    return named(msgspec.structs.replace(manifest, tier=tier, metrics=metrics, created=created))
