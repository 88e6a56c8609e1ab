from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from agents.alerting.kinds import AlertLimits
from agents.alerting.watch import AlertWatch, part_of
from agents.decision.answers import Answer
from agents.decision.feature_records import FeatureColumns
from agents.decision.models import NoModels, Trouble
from agents.decision.version import ModelVersion
from agents.judging.judge import MODELS, Judge
from agents.judging.metrics import QualityMetrics
from agents.models.plan import Rollback
from tests.agents.judging.outcomes_of import SECOND, START, market, outcomes
from tests.models import SMALL, version

LIMITS = AlertLimits(drift_psi=0.25, quiet_s=1_000.0)


class OneModel(NoModels):
    """One version is loaded; what is reported of it is kept."""

    def __init__(self, loaded: ModelVersion) -> None:
        self.loaded = loaded
        self.reported: list[tuple[str, int, Trouble]] = []
        self.back: list[Rollback] = []

    def decider(self, model: str) -> ModelVersion | None:
        return self.loaded if model == self.loaded.model else None

    def report(self, model: str, partition: int, trouble: Trouble) -> None:
        self.reported.append((model, partition, trouble))

    def plan(self, partition: int) -> Any:  # noqa: ARG002 - of any
        return self

    def rollbacks(self, first: int, last: int) -> list[Rollback]:
        return [one for one in self.back if first <= one.first <= last]


@pytest.fixture(scope="module")
def loaded() -> ModelVersion:
    return version(SMALL, members=("logistic",), stacker=False).load()


def batch(loaded: ModelVersion, first: int, n: int = 50) -> tuple[FeatureColumns, list[int], Answer]:
    """n records of as many symbols, one horizon behind those before, with what the version says to them."""
    values = np.random.default_rng(first).standard_normal((n, len(SMALL.outputs))) + 100.0
    features = FeatureColumns(
        ids=[f"ticks-0-{first + i}" for i in range(n)],
        symbols=[f"S{i}" for i in range(n)],
        ts_ns=[START + first * SECOND + i for i in range(n)],
        price=np.full(n, 100.0),
        values=values,
        places=range(n),
        rejected=[],
        schema=SMALL.version,
    )
    answer = Answer(loaded.model, np.arange(n), loaded.decide(values, features.price))
    return features, list(range(first, first + n)), answer


def test_a_model_that_leaves_its_band_is_reported_and_alerted_once(loaded: ModelVersion) -> None:
    models = OneModel(loaded)
    judge = Judge(models, SMALL.outputs, AlertLimits())
    features, offsets, answer = batch(loaded, 0)
    assert judge.decided(3, features, offsets, [answer]) == []
    run = market(np.random.default_rng(0), 20_000, 1, sharpness=5.0)
    judge.matured(outcomes(run.probability_up, run.label, ts_ns=run.ts_ns, symbols=run.symbols, model=loaded.model))
    ((model, partition, trouble),) = models.reported
    assert (model, partition, trouble.kind, trouble.offset) == (loaded.model, 3, "calibration", 0)
    assert "overconfident" in trouble.detail
    features, offsets, answer = batch(loaded, 100)
    ((place, alert),) = judge.decided(3, features, offsets, [answer])
    assert place == len(features) - 1
    assert (alert.kind, alert.id) == ("calibration", f"{features.ids[-1]}|calibration|{loaded.model}")
    assert judge.decided(3, features, offsets, [answer]) == []


def test_drift_is_alerted_with_its_worst_columns_and_shown(loaded: ModelVersion) -> None:
    judge = Judge(OneModel(loaded), SMALL.outputs, LIMITS)
    registry = CollectorRegistry()
    metrics = QualityMetrics(registry)
    metrics.watch(judge)
    told = []
    for turn in range(30):
        features, offsets, answer = batch(loaded, 10 * turn)
        answer.decisions.probability_up[:] = 0.999
        told += judge.decided(0, features, offsets, [answer])
    ((_, alert),) = told
    assert alert.kind == "drift"
    assert "probability_up" in alert.message
    numbers = alert.numbers["probability_up"]
    assert isinstance(numbers["psi"], float)
    psi = registry.get_sample_value("hayate_model_drift_psi", {"model": loaded.model, "column": "probability_up"})
    assert psi is not None
    assert psi > 0.25


def test_rules_are_judged_without_a_manifest() -> None:
    judge = Judge(NoModels(), SMALL.outputs, LIMITS, symbols=1)
    up, label = np.array([0.9, 0.9, 0.2]), np.array([1, -1, -1], np.int8)
    judge.matured(outcomes(up, label, symbols=["A", "B", "A"], model="rules@1"))
    assert judge.quality("rules@1").accuracy == pytest.approx(2 / 3)
    assert judge.quality("rules@1", "A").accuracy == 1.0
    assert judge.quality("rules@1", "other", recent=False).accuracy == 0.0
    registry = CollectorRegistry()
    QualityMetrics(registry).watch(judge)
    labels = {"model": "rules@1", "symbol": "all", "window": "start"}
    assert registry.get_sample_value("hayate_model_accuracy", labels) == pytest.approx(2 / 3)
    assert registry.get_sample_value("hayate_model_high_precision", labels) is None


def test_the_rules_are_not_looked_for_among_the_versions() -> None:
    """They are in no registry: to ask for them would be an error in the log of every worker."""
    asked: list[str] = []

    class Asked(NoModels):
        def decider(self, model: str) -> ModelVersion | None:
            asked.append(model)
            return None

    judge = Judge(Asked(), SMALL.outputs, LIMITS, rules="rules@1")
    for model in ("rules@1", "m@1", "rules@1"):
        judge.matured(outcomes(np.array([0.9]), np.ones(1, np.int8), model=model))
    assert asked == ["m@1"]


def test_models_that_are_not_heard_of_any_more_are_forgotten() -> None:
    judge = Judge(NoModels(), SMALL.outputs, LIMITS)
    for i in range(MODELS + 1):
        judge.matured(outcomes(np.array([0.9]), np.ones(1, np.int8), model=f"m{i}"))
        judge.matured(outcomes(np.array([0.9]), np.ones(1, np.int8), model="m0"))
    assert len(judge.judged()) == MODELS
    assert "m0" in judge.judged()
    assert "m1" not in judge.judged()


def test_a_rollback_is_told_at_the_record_where_it_takes_effect(loaded: ModelVersion) -> None:
    models = OneModel(loaded)
    models.back = [Rollback(107, "champion", "bad@1", None, "calibration")]
    watch = AlertWatch(LIMITS._replace(high=False), SMALL.outputs, models)
    watch.open(0)
    features, offsets, answer = batch(loaded, 100)
    ((place, alert),) = watch.of(features, offsets, [answer])
    assert (place, alert.id) == (7, "ticks-0-107|model-rollback|bad@1")
    assert part_of(alert) == "model-rollback|bad@1"
    assert "the rules instead" in alert.message
    watch.let_go(features.symbols)
    assert len(watch.rules.memory) == 0
