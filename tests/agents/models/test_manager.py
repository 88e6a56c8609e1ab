"""The ModelManager on a real Kafka: what it knows at the start, what it hears of, what it takes back."""

import shutil
from pathlib import Path

import pytest

from agents.decision.models import RULES_ONLY, Assignment, Models, Trouble
from agents.models.records import Amendment
from streams.feature_set import FeatureSet
from streams.settings import Settings
from tests.agents.models.world import at_desk, fill, promote, running, until
from tests.models import Made, version

ERROR = Trouble("error", "it raised", 10, 10, 5)


async def test_without_promotions_the_rules_serve(settings: Settings) -> None:
    async with running(settings) as manager:
        models: Models = manager
        assert models.plan(0).changes(0, 9) == [(0, RULES_ONLY)]
        assert models.previous(1, 5) is None
        models.report("tiny@" + "0" * 12, 0, ERROR)
        assert manager._metrics.info.labels("champion", "rules")._value.get() == 1


async def test_a_promotion_is_known_at_the_start_and_its_version_loaded(
    settings: Settings, pair: tuple[Made, Made]
) -> None:
    await fill(settings, 7)
    done = await promote(settings, pair[0].manifest.model, lead_s=0)
    assert done.first == {0: 8, 1: 8}
    async with running(settings) as manager:
        version = manager.decider(pair[0].manifest.model)
        assert version is not None
        assert version.model == pair[0].manifest.model
        assert manager.plan(1).changes(0, 20) == [(0, RULES_ONLY), (8, Assignment(pair[0].manifest.model))]
        assert manager._metrics.swaps._value.get() == 0


async def test_a_running_one_hears_of_it_and_has_it_loaded_before_it_begins(
    settings: Settings, pair: tuple[Made, Made]
) -> None:
    model = pair[0].manifest.model
    async with running(settings) as manager:
        plan = manager.plan(0)
        await promote(settings, model)
        await until(lambda: plan.look(99).champion == model)
        assert manager.decider(model) is not None
        assert manager._metrics.swaps._value.get() == 1
        assert manager._metrics.info.labels("champion", model)._value.get() == 1
        done = await promote(settings, "tiny", "canary", share=0.25)
        assert done.model == pair[1].manifest.model, "a name alone is its newest version"
        await until(lambda: plan.look(99) == Assignment(model, done.model, 0.25, None))


async def test_a_late_promotion_is_amended_in_the_log_and_everybody_follows(
    settings: Settings, pair: tuple[Made, Made]
) -> None:
    """One worker is far beyond the first offset when it hears; another, and one that starts later, do as it does."""
    model = pair[0].manifest.model
    async with running(settings) as busy, running(settings) as other:
        busy.plan(0).changes(0, 999)
        done = await promote(settings, model, lead_s=0)
        await until(lambda: busy.history.steps)
        await until(lambda: other.plan(0).look(10**6).champion == model and other.plan(0).look(1_000).champion is None)
        changes = busy.plan(0).changes(1_000, 5_000)
        assert changes == [(1_000, RULES_ONLY), (2_000, Assignment(model))]
        assert busy.plan(1).look(done.first[1]) == Assignment(model), "that partition was in time"
    async with running(settings) as later:
        assert later.plan(0).changes(0, 5_000) == [(0, RULES_ONLY), (2_000, Assignment(model))]
    entries = await at_desk(settings, lambda desk: [entry.record for entry in desk.entries])
    assert isinstance(entries, list)
    assert entries[1:] == [Amendment(promotion=done.id, partition=0, first=2_000)]


async def test_trouble_brings_the_one_before_back_once_whoever_reports(
    settings: Settings, pair: tuple[Made, Made]
) -> None:
    good, bad = (made.manifest.model for made in pair)
    await promote(settings, good, lead_s=0)
    await promote(settings, bad, lead_s=0)
    async with running(settings) as one, running(settings) as other:
        for manager in (one, other):
            for _ in range(4):
                manager.report(bad, 0, ERROR)
                manager.report(good, 0, ERROR)  # a lower rung of the ladder: not who serves
        assert one.history.now("champion") == bad
        for manager in (one, other):
            for _ in range(3):
                manager.report(bad, 0, ERROR)
        await until(lambda: all(m.history.now("champion") == good for m in (one, other)))
        await until(lambda: len(one.history._ids) == len(other.history._ids) == 4)
        assert len(one.history.steps) == 3, "the second worker's rollback does not hold"
        (rollback,) = one.plan(0).rollbacks(0, 10**6)
        assert (rollback.model, rollback.restored, rollback.reason) == (bad, good, "error: it raised")
        assert one.plan(0).look(10**6).champion == good
        assert one.previous(0, 10**6) is None, "and not the one that was taken back"


async def test_a_bad_canary_is_ended_and_the_champion_stays(settings: Settings, pair: tuple[Made, Made]) -> None:
    good, bad = (made.manifest.model for made in pair)
    await promote(settings, good, lead_s=0)
    await promote(settings, bad, "canary", share=0.5, lead_s=0)
    async with running(settings) as manager:
        manager.report(bad, 1, Trouble("calibration", "0.31 where 0.02 is allowed", 1, 1, 5))
        await until(lambda: manager.history.now("canary") is None)
        assert manager.plan(1).look(10**6) == Assignment(good)


async def test_a_version_that_cannot_be_loaded_says_why(
    settings: Settings, pair: tuple[Made, Made], tmp_path: Path
) -> None:
    """Damaged after it was promoted, and back when it was mended."""
    made = pair[0]
    await promote(settings, made.manifest.model, lead_s=0)
    file = tmp_path / "registry" / made.manifest.name / made.manifest.version / "members" / "lightgbm.onnx"
    file.write_bytes(b"damaged")
    async with running(settings) as manager:
        assert manager.decider(made.manifest.model) is None
        assert "members/lightgbm.onnx has the SHA-256" in manager.why(made.manifest.model)
        assert manager._metrics.load_errors._value.get() == 1
        file.write_bytes(made.files["members/lightgbm.onnx"])
        await until(lambda: manager.decider(made.manifest.model))


async def test_a_registry_that_is_away_does_not_stop_a_restart(
    settings: Settings, pair: tuple[Made, Made], tmp_path: Path
) -> None:
    model = pair[0].manifest.model
    await promote(settings, model, lead_s=0)
    async with running(settings):
        pass
    shutil.rmtree(tmp_path / "registry")
    async with running(settings) as manager:
        assert manager.decider(model) is not None


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (
            FeatureSet.of("other", "sma_5", "sma_20", "sma_50", "ema_12", "ema_26", "rsi_14", "macd"),
            "needs the feature",
        ),
        (FeatureSet.of("other", *FeatureSet.load("classics").outputs[:5][::-1], "rsi_14", "macd", "bbands"), "order"),
    ],
    ids=["names", "order"],
)
async def test_a_worker_with_another_feature_set_refuses_by_name(
    settings: Settings, pair: tuple[Made, Made], other: FeatureSet, told: str
) -> None:
    model = pair[0].manifest.model
    await promote(settings, model, lead_s=0)
    async with running(settings, other) as manager:
        assert manager.decider(model) is None
        assert manager.why(model).startswith(f"model {model}: ")
        assert told in manager.why(model)


async def test_what_a_replay_may_need_is_loaded_and_no_more(settings: Settings, pair: tuple[Made, Made]) -> None:
    """Nothing is committed: every version that served since the first record of `features`."""
    for made in pair:
        await promote(settings, made.manifest.model, lead_s=0)
    never = version(FeatureSet.load("classics"), members=("lightgbm",), stacker=False, rows=600, seed=3)
    async with running(settings) as manager:
        assert all(manager._loader._versions.get(made.manifest.model) for made in pair)
        assert manager.decider(never.manifest.model) is None
        assert "being loaded" in manager.why(never.manifest.model)
        await until(lambda: "does not have it" in manager.why(never.manifest.model))
