"""A planted signal is found, calibrated and called with the precision asked for; in a random walk there is none."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from msgspec.structs import replace as replace_struct

from agents.decision.inputs import InputMatrix
from agents.decision.version import ModelVersion
from agents.training.dataset import rows_of
from agents.training.leak_checks import leak_check
from agents.training.members import fit
from agents.training.options import Training
from agents.training.splits import TEST, split
from agents.training.stacking import answers_of
from agents.training.train import Trained, steps, train
from streams.engine import RealTimeFeatureEngine
from streams.errors import ConfigError
from streams.export.labels import LabelSpec
from streams.feature_set import FeatureSet
from tables.models.manifest import named
from tests.agents.training.market import FEATURES, HORIZON_NS, folded, market, training_set

pytest.importorskip("lightgbm")

QUICK = Training("test", LabelSpec(HORIZON_NS), folds=2, quick=True, seed=3)


@pytest.fixture(scope="module")
def planted() -> Trained:
    fold = folded(market(4_000, planted=True))
    data = training_set(market(4_000, planted=True))
    said: list[str] = []
    found = train(
        data, FEATURES, QUICK, on_step=said.append, leaks=leak_check(RealTimeFeatureEngine(FEATURES), fold, 1)
    )
    assert 0 < len(said) <= steps(QUICK)
    return found


def test_a_planted_signal_is_found(planted: Trained) -> None:
    report = planted.report
    assert report.verdict == "better", report.words
    accuracy = report.ensemble.figures["accuracy"].value
    assert accuracy is not None
    assert accuracy > 0.93
    assert report.leaks
    assert all(finding.passed is not False for finding in report.leaks), report.leaks


def test_it_is_calibrated(planted: Trained) -> None:
    ece = planted.report.ensemble.figures["ece"].value
    assert ece is not None
    assert ece < 0.05


def test_its_tier_reaches_the_target(planted: Trained) -> None:
    tier = planted.manifest.tier
    assert tier.threshold is not None
    assert tier.precision is not None
    assert tier.precision_high is not None
    assert tier.coverage is not None
    assert tier.precision >= 0.93
    assert tier.coverage > 0.2, "two fifths of the records move, by design"


def test_parts_follow_each_other_in_time(planted: Trained) -> None:
    parts = {part.purpose: part for part in planted.manifest.splits}
    order = [parts[name] for name in ("members", "calibration", "threshold", "test")]
    for earlier, later in pairwise(order):
        assert earlier.to_ns + 2 * HORIZON_NS < later.from_ns + 1
    assert parts["stacker"].to_ns <= parts["members"].to_ns


def test_the_version_serves_what_was_judged(planted: Trained) -> None:
    """The loaded version gives the tier that the report counted, on the same rows."""
    data = training_set(market(4_000, planted=True))
    rows = split(data.ts_ns, data.end_ns, folds=2, embargo_ns=HORIZON_NS).parts[TEST]
    version = ModelVersion.load(planted.manifest, planted.files, outputs=FEATURES.outputs, schema=FEATURES.version)
    decided = version.decide(data.values[rows], data.price[rows])
    assert decided.high.mean() == planted.manifest.tier.coverage
    assert (decided.action[decided.high] != 0).all(), "a record of the tier acts"


def test_the_folds_are_answered_by_the_rule_of_serving(planted: Trained) -> None:
    """Who answers a row is the same for what the stacker learns from and for the version: nobody where an input is
    missing that never was, trees where one is that was at times, all where nothing is."""
    data = training_set(market(4_000, planted=True))
    assert [one.missing for one in planted.manifest.inputs] == [False] * len(data.inputs)
    sometimes = (*data.inputs[:-1], replace_struct(data.inputs[-1], missing=True))
    values = data.values[:4].copy()
    names = list(FEATURES.outputs)
    values[1, names.index(data.inputs[0].output)] = np.nan
    values[2, names.index(data.inputs[-1].output)] = np.nan
    values[3] = np.nan
    few = replace(rows_of(data, range(4)), inputs=sometimes, values=values)
    few = replace(few, matrix=InputMatrix(FEATURES.outputs, sometimes)(values, few.price))
    manifest = named(replace_struct(planted.manifest, inputs=sometimes))
    version = ModelVersion.load(manifest, planted.files, outputs=FEATURES.outputs, schema=FEATURES.version)
    able = version.score(values, few.price).able
    for j, member in enumerate(manifest.members):
        fitted = fit(member.kind, data.matrix[:500], data.index[:500], 3, seed=1, quick=True)
        found = answers_of(member.kind, fitted, few, np.arange(4))
        assert np.isfinite(found[:, 0]).tolist() == able[:, j].tolist() == [True, False, member.takes_nan, False]


def test_the_same_training_gives_the_same_version(planted: Trained) -> None:
    data = training_set(market(4_000, planted=True))
    again = train(data, FEATURES, QUICK, now=lambda: datetime(2001, 1, 1, tzinfo=UTC))
    assert again.files == planted.files
    assert again.manifest.version == planted.manifest.version
    assert again.manifest.created == "2001-01-01T00:00:00+00:00"
    other = train(data, FEATURES, replace(QUICK, members=("logistic",), seed=4))
    assert other.manifest.version != planted.manifest.version
    assert other.manifest.stacker is None


def test_there_is_nothing_in_a_random_walk() -> None:
    data = training_set(market(3_000, planted=False, seed=5))
    found = train(data, FEATURES, QUICK)
    assert found.report.verdict == "no better"
    assert found.report.words[0].startswith("No better than the baselines")
    assert found.manifest.tier.threshold is None
    assert not found.report.leaks


def test_volatility_has_classes_of_its_own() -> None:
    ticks = market(3_000, planted=True, seed=6)
    spec = LabelSpec(20 * HORIZON_NS, volatility=True)
    asked = Training("calm", spec, ("lightgbm", "logistic"), folds=2, quick=True)
    found = train(training_set(ticks, spec), FEATURES, asked)
    label = found.manifest.label
    assert (label.kind, found.manifest.classes) == ("volatility", ("low", "middle", "high"))
    assert 0 < label.bounds_bps[0] < label.bounds_bps[1]
    assert sum(found.report.balance.values()) == pytest.approx(1.0)
    with pytest.raises(ConfigError, match="no direction"):
        ModelVersion.load(found.manifest, found.files, outputs=FEATURES.outputs, schema=FEATURES.version)


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"members": ("oracle",)}, "--members oracle"),
        ({"members": ()}, "--members"),
        ({"folds": 0}, "--folds 0"),
        ({"target_precision": 0.4}, "--target-precision"),
        ({"label": LabelSpec(1_500_000)}, "whole milliseconds"),
    ],
)
def test_what_may_not_be_asked(given: dict[str, object], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        replace(QUICK, **given)  # type: ignore[arg-type]


def test_drift_is_measured_by_phase_where_the_feature_set_tells_it() -> None:
    phased = FeatureSet.of("phased", "queue_imbalance", "ret_1", "mid", "session_time")
    data = training_set(market(6_000, planted=True), features=phased)
    found = train(data, phased, replace(QUICK, members=("logistic",)))
    assert {one.phase for one in found.manifest.drift} == {None, 1}, "a market that never closes"
