"""The ensemble job with trained versions: who serves whom, shadows, weights that learn, emission, and restarts."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from agents.decision.emission import Emission
from agents.decision.models import Assignment, FixedPlan
from agents.decision.version import ModelVersion
from agents.models.plan import canary_takes
from tables.ensemble_state import decode_memory, floats
from tests.agents.fake_kafka import record
from tests.agents.fake_models import FakeModels, Hanging, Wrapped
from tests.agents.signalling.ensemble_bench import RULES, Bench, FakeTable, features
from tests.models import version


@pytest.fixture(scope="module")
def loaded() -> ModelVersion:
    """A champion of two members and a stacker, with a horizon of 4 s."""
    return version(members=("lightgbm", "logistic"), horizon_ms=4_000).load()


@pytest.fixture
def models(loaded: ModelVersion) -> Iterator[FakeModels]:
    """Where the version serves from the first record on."""
    made = FakeModels()
    made.assigned = FixedPlan((0, Assignment(champion=made.add(loaded))))
    yield made
    for each in made.loaded.values():
        if isinstance(each, Hanging):
            each.free.set()


def of_models(signals: list[dict[str, Any]]) -> list[str]:
    """The model of each."""
    return [signal["model"] for signal in signals]


def test_the_switch_is_at_the_promised_record(models: FakeModels, loaded: ModelVersion) -> None:
    """However the batches are cut; before it the rules, after it the version's own decisions to the last bit."""
    models.assigned = FixedPlan((333, Assignment(champion=loaded.model)))
    whole = Bench(models)
    signals = whole.feed(features())
    assert of_models(signals) == [RULES.model] * 333 + [loaded.model] * 267
    parts = Bench(models)
    assert parts.feed(features(), size=7) == signals
    alone = whole.job._decoder.decode([record.value for record in features()])
    expected = loaded.decide(alone.values, alone.price)
    assert [s["probability_up"] for s in signals[333:]] == expected.probability_up[333:].tolist()
    assert {s["fallback"] for s in signals[333:]} == {False}


def test_a_canary_serves_its_share_of_the_symbols(models: FakeModels, loaded: ModelVersion) -> None:
    """The same symbols always; the others keep the champion, or the rules where there is none."""
    canary = models.add(Wrapped(loaded, "canary@1"))
    records = features(300, "ABCDEFGH")
    for champion in (loaded.model, None):
        models.assigned = FixedPlan((0, Assignment(champion=champion, canary=canary, canary_share=0.5)))
        signals = Bench(models).feed(records)
        assert [s["id"] for s in signals] == [f"ticks-0-{i}" for i in range(300)]
        for signal in signals:
            assert signal["fallback"] or signal["model"] == (
                canary if canary_takes(signal["symbol"], 0.5) else champion or RULES.model
            )
        assert len({s["model"] for s in signals if not s["fallback"]}) == 2


def test_a_challenger_scores_beside(models: FakeModels, loaded: ModelVersion) -> None:
    """Into its own topic, in the same form, for every record; the signals are as without it."""
    alone = Bench(models).feed(features(), size=100)
    challenger = models.add(Wrapped(version(members=("lightgbm",), horizon_ms=4_000).load(), "new@1"))
    models.assigned = FixedPlan((0, Assignment(champion=loaded.model, challenger=challenger)))
    bench = Bench(models)
    assert bench.feed(features(), size=100) == alone
    shadow = bench.of("signals-shadow")
    assert [source for source, _ in shadow] == list(range(600))
    assert {json.loads(value)["model"] for _, value in shadow} == {challenger}
    assert len(bench.judge.labels(challenger)) == len(bench.judge.labels(loaded.model)) > 50
    models.assigned = FixedPlan((0, Assignment(challenger=challenger)))
    bench = Bench(models)
    assert set(of_models(bench.feed(features()))) == {RULES.model}
    assert [source for source, _ in bench.of("signals-shadow")] == list(range(600))


def test_a_hung_challenger_hurts_nobody(models: FakeModels, loaded: ModelVersion) -> None:
    """The champion's signals are those without it."""
    alone = Bench(models).feed(features(), size=50)
    hung = models.add(Hanging(loaded))
    models.assigned = FixedPlan((0, Assignment(champion=loaded.model, challenger=hung)))
    bench = Bench(models, deadline_s=0.5)
    assert bench.feed(features(), size=50) == alone
    assert bench.of("signals-shadow") == []
    assert models.kinds[0] == (hung, "deadline")


def test_outcomes_are_those_of_the_decisions(models: FakeModels, loaded: ModelVersion) -> None:
    """With what the signal said, in any batches, for versions and rules."""
    for plan, model in ((models.assigned, loaded.model), (FixedPlan(), RULES.model)):
        models.assigned = plan
        whole, parts = Bench(models), Bench(models)
        signals = {(s["symbol"], s["ts_ns"]): s for s in whole.feed(features())}
        parts.feed(features(), size=11)
        labels = whole.judge.labels(model)
        assert sorted(parts.judge.labels(model)) == sorted(labels)
        assert len(labels) > 100
        for symbol, ts_ns, returned, label, up in labels:
            assert signals[symbol, ts_ns]["probability_up"] == up
            band = 0.5 if model == loaded.model else 0.0
            assert label == (returned > band) - (returned < -band)


def test_weights_follow_the_members(models: FakeModels, loaded: ModelVersion) -> None:
    """They begin at the prior, sum to 1, move with every matured label, and decide."""
    bench = Bench(models, dynamic=True, table=FakeTable())
    signals = bench.feed(features(), size=37)
    weights = [s["weights"] for s in signals if s["symbol"] == "A" and s["reason"] is None]
    assert list(weights[0].values()) == pytest.approx(loaded.weights.tolist())
    assert weights[0] != weights[-1]
    assert all(sum(each.values()) == pytest.approx(1.0) for each in weights)
    assert [s["probability_up"] for s in signals] != [s["probability_up"] for s in Bench(models).feed(features())]
    assert Bench(models, dynamic=True, table=FakeTable()).feed(features()) == signals


@pytest.mark.parametrize("emission", [Emission(), Emission("change"), Emission("interval", 1_000_000_000)])
@pytest.mark.parametrize("dynamic", [True, False])
def test_a_restart_changes_nothing(models: FakeModels, loaded: ModelVersion, emission: Emission, dynamic: bool) -> None:
    """Rows of any checkpoint, a replay from any commit not behind it: the same signals follow."""
    models.assigned = FixedPlan((150, Assignment(champion=loaded.model)))
    records = features()
    whole = Bench(models, dynamic=dynamic, emission=emission, table=FakeTable())
    whole.feed(records, size=20)
    expected = dict(whole.of("signals"))
    rng = np.random.default_rng(5)
    for _ in range(6):
        table = FakeTable()
        stop = int(rng.integers(1, 600))
        before = Bench(models, dynamic=dynamic, emission=emission, table=table)
        before.feed(records[:stop], size=13)
        written: Any = before.job.rows()
        table.rows.update(written or {})
        after = Bench(models, dynamic=dynamic, emission=emission, table=table)
        # The rows may be ahead of the commit, as after a crash between the two.
        after.feed(records[max(0, stop - int(rng.integers(0, 60))) :], size=17)
        later = [(source, value) for source, value in after.of("signals") if source >= stop]
        assert later == [(source, value) for source, value in expected.items() if source >= stop]
        # What is decided again, for no row has it, is what was decided before: its tail keeps it from coming twice.
        assert all(expected[source] == value for source, value in after.of("signals"))
        both = {**dict(before.of("signals")), **dict(later)}
        assert both == expected


def test_the_champion_before_serves_for_one_that_is_missing(models: FakeModels, loaded: ModelVersion) -> None:
    """Below a canary the champion comes first."""
    models.before = loaded.model
    models.assigned = FixedPlan((0, Assignment(champion="away@1")))
    signals = [s for s in Bench(models).feed(features()) if s["model"] != RULES.model]
    assert len(signals) > 400
    assert {(s["model"], s["reason"]) for s in signals} == {(loaded.model, "missing")}
    champion = models.add(Wrapped(loaded, "now@1"))
    models.assigned = FixedPlan((0, Assignment(champion=champion, canary="away@1", canary_share=1.0)))
    signals = [s for s in Bench(models).feed(features()) if s["model"] != RULES.model]
    assert {(s["model"], s["reason"]) for s in signals} == {(champion, "missing")}


def test_a_row_whose_model_is_away_is_kept(models: FakeModels, loaded: ModelVersion) -> None:
    """With its weights, which wait for it; not with decisions whose future nobody saw."""
    table, records = FakeTable(), features()
    bench = Bench(models, dynamic=True, emission=Emission("change"), table=table)
    bench.feed(records[:400])
    written: Any = bench.job.rows()
    table.rows.update(written)
    before = {symbol: decode_memory(row, symbol).memory for symbol, row in table.rows.items()}
    assert {memory.model for memory in before.values()} == {loaded.model}
    away = FakeModels(assigned=models.assigned)
    bench = Bench(away, dynamic=True, emission=Emission("change"), table=table)
    bench.feed(records[400:])
    written = bench.job.rows()
    assert written
    for symbol, row in written.items():
        offset, memory = decode_memory(row, symbol)
        assert offset >= 400
        assert (memory.model, memory.weights, memory.payload) == (loaded.model, before[symbol].weights, b"")
    table.rows.update(written)
    back = Bench(models, dynamic=True, table=table)
    shifted = [record("features", 0, 600 + r.offset, (r.key, r.value, ())) for r in records[500:503]]
    for signal in (each for each in back.feed(shifted) if each["symbol"] in written):
        assert list(signal["weights"].values()) == floats(before[signal["symbol"]].weights).tolist()


def test_a_model_that_serves_again_begins_anew(models: FakeModels, loaded: ModelVersion) -> None:
    """At its prior, as its row does, which knows the model in between only."""
    other = models.add(Wrapped(loaded, "other@1"))
    models.assigned = FixedPlan(
        (0, Assignment(champion=loaded.model)),
        (300, Assignment(champion=other)),
        (330, Assignment(champion=loaded.model)),
    )
    whole = Bench(models, dynamic=True, table=FakeTable())
    signals = whole.feed(features(), size=30)
    first = [s for s in signals if s["id"] in {"ticks-0-330", "ticks-0-331", "ticks-0-332"}]
    assert [list(s["weights"].values()) for s in first] == [pytest.approx(loaded.weights.tolist())] * 3
    table = FakeTable()
    before = Bench(models, dynamic=True, table=table)
    before.feed(features()[:320])
    written: Any = before.job.rows()
    table.rows.update(written)
    assert Bench(models, dynamic=True, table=table).feed(features()[320:]) == signals[320:]
    assert len(whole.judge.labels(other)) > 0


def test_hung_with_weights_to_learn(models: FakeModels, loaded: ModelVersion) -> None:
    """Nothing is learnt of what a deadline left; every record has its signal, and all of them say why."""
    models.assigned = FixedPlan((0, Assignment(champion=models.add(Hanging(loaded)))))
    bench = Bench(models, dynamic=True, table=FakeTable(), deadline_s=0.05)
    signals = bench.feed(features(), size=50)
    assert of_models(signals) == [RULES.model] * 600
    assert {s["reason"] for s in signals} == {"deadline"}
    assert bench.judge.heard == []
    count = bench.job._metrics.registry.get_sample_value
    assert count("hayate_fallbacks_total", {"reason": "deadline"}) == 600


def test_a_version_that_scores_and_cannot_decide(models: FakeModels, loaded: ModelVersion) -> None:
    """Its members are learnt from, but nobody is told of a verdict that it did not give."""
    broken = Wrapped(loaded)
    broken.decide = None  # type: ignore[method-assign, assignment]
    models.assigned = FixedPlan((0, Assignment(champion=models.add(broken))))
    bench = Bench(models, dynamic=True, table=FakeTable())
    assert {s["reason"] for s in bench.feed(features(), size=50)} == {"error"}
    assert bench.judge.heard == []
    assert set(models.kinds) == {(broken.model, "error")}


def test_what_needs_no_memory_writes_no_rows(models: FakeModels) -> None:
    """The stacker, and every decision a signal."""
    bench = Bench(models)
    bench.feed(features())
    assert bench.job.rows() is None
    quiet = Bench(models, emission=Emission("change"), table=FakeTable())
    signals = quiet.feed(features())
    assert 3 <= len(signals) < 600
    written: Any = quiet.job.rows()
    assert set(written) == {"A", "B", "C"}
    assert quiet.job.rows() is None


async def test_quiet_symbols_leave_memory_and_come_back(models: FakeModels) -> None:
    """From their rows, as if they had stayed."""
    records = features()
    whole = Bench(models, dynamic=True, table=FakeTable())
    expected = whole.feed(records, size=50)
    table = FakeTable()
    bench = Bench(models, dynamic=True, table=table, evict_after_s=10.0)
    signals = []
    for begin in range(0, 600, 50):
        signals += bench.feed(records[begin : begin + 50])
        bench.now += 20.0
        written: Any = bench.job.rows()
        table.rows.update(written)
        bench.job.stored()
    assert signals == expected
    await bench.job.close()
