"""`faust -A app models` on a real Kafka and a registry in a folder."""

from pathlib import Path

import pytest

from agents.model_commands import run_models
from streams.errors import ConfigError, RetryError, TopicError
from streams.settings import Settings
from tests.agents.models.conftest import pair, settings  # noqa: F401 - fixtures
from tests.models import Made

Pair = tuple[Made, Made]


async def test_from_the_registry_to_the_champion_and_back(settings: Settings, pair: Pair) -> None:  # noqa: F811
    old, new = (made.manifest.model for made in pair)
    assert "champion: the rules" in await run_models(settings, "list")
    said = await run_models(settings, "promote", old, reason="first")
    assert said == f"champion: {old}, from these offsets of features on: 0:1, 1:1"
    assert (await run_models(settings, "promote", "tiny", canary=0.1)).startswith(
        f"canary: {new} for 0.1 of the symbols"
    )
    listed = (await run_models(settings, "list")).splitlines()
    assert listed[0].endswith(f"champion: {old}")
    assert [line.split()[0] for line in listed[2:]] == [old, new], "the oldest first"
    assert [line.split()[2] for line in listed[2:]] == ["champion", "canary"]
    assert (await run_models(settings, "rollback", canary=0.0)).startswith("canary: nobody, from")
    assert (await run_models(settings, "promote", new)).startswith(f"champion: {new}, from")
    assert (await run_models(settings, "rollback", reason="worse")).startswith(f"champion: {old}, from")
    assert (await run_models(settings, "retire")).startswith("champion: the rules, from")
    log = (await run_models(settings, "log")).splitlines()
    assert [line.split()[1] for line in log[1:]] == ["champion", "canary", "canary", "champion", "champion", "champion"]
    assert "rollback: worse" in log[5]
    assert "first" in log[1]


async def test_a_challenger_is_in_the_shadow(settings: Settings, pair: Pair) -> None:  # noqa: F811
    old, new = (made.manifest.model for made in pair)
    await run_models(settings, "promote", old)
    assert (await run_models(settings, "promote", new, challenger=True)).startswith(f"challenger: {new}, from")
    assert (await run_models(settings, "retire", challenger=True)).startswith("challenger: nobody, from")


async def test_a_version_is_described(settings: Settings, pair: Pair) -> None:  # noqa: F811
    text = await run_models(settings, "show", "tiny")
    assert text.startswith(f"{pair[1].manifest.model}, created 2026-01-02T00:00:00Z, in {settings.model_registry}")
    for part in ("feature set classics@", "dead band 0.5 bps", "lightgbm (lightgbm)", "pooled by weight", "0.94 (0.92"):
        assert part in text
    assert text.splitlines()[-1].split() == ["accuracy", "0.5", "0.45", "0.55"]


async def test_files_are_verified(settings: Settings, pair: Pair, tmp_path: Path) -> None:  # noqa: F811
    assert (await run_models(settings, "verify")).startswith("2 versions are as they were trained")
    manifest = pair[0].manifest
    (tmp_path / "registry" / "tiny" / manifest.version / "members" / "lightgbm.onnx").write_bytes(b"x")
    with pytest.raises(
        ConfigError, match=rf"1 of 2 versions are not right: .*{manifest.model}: members/lightgbm\.onnx"
    ):
        await run_models(settings, "verify")
    assert (await run_models(settings, "verify", pair[1].manifest.model)).startswith("1 versions")
    with pytest.raises(ConfigError, match="damaged or altered"):
        await run_models(settings, "promote", manifest.model)


@pytest.mark.parametrize(
    ("action", "options", "told"),
    [
        ("promote", {}, "which model"),
        ("show", {}, "which model"),
        ("show", {"model": "tiny@1"}, "write name@version"),
        ("promote", {"model": "tiny@" + "0" * 12}, "does not have it; it has: tiny@"),
        ("promote", {"model": "tiny", "challenger": True, "canary": 0.1}, "choose one"),
        ("promote", {"model": "tiny", "canary": 0.0}, "give a share above 0"),
        ("rollback", {}, "no champion to take back"),
        ("retire", {}, "nobody is the champion"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_name(
    settings: Settings,  # noqa: F811
    action: str,
    options: dict[str, object],
    told: str,
) -> None:
    with pytest.raises(ConfigError, match=told):
        await run_models(settings, action, **options)  # type: ignore[arg-type]


async def test_the_champion_needs_no_shadow(settings: Settings, pair: Pair) -> None:  # noqa: F811
    await run_models(settings, "promote", pair[0].manifest.model)
    with pytest.raises(ConfigError, match="it is the champion"):
        await run_models(settings, "promote", pair[0].manifest.model, challenger=True)


async def test_another_feature_set_is_refused_at_the_command(settings: Settings, pair: Pair) -> None:  # noqa: F811
    other = settings.model_copy(update={"feature_set": "default"})
    with pytest.raises(ConfigError, match=f"model {pair[0].manifest.model}: it .* the feature"):
        await run_models(other, "promote", pair[0].manifest.model)


async def test_without_its_topics_or_kafka_it_says_so(settings: Settings) -> None:  # noqa: F811
    with pytest.raises(TopicError, match="create with: faust -A app topics"):
        await run_models(settings.model_copy(update={"topic_prefix": "elsewhere-"}), "log")
    with pytest.raises(RetryError, match="does not answer"):
        await run_models(settings.model_copy(update={"kafka_url": "kafka://127.0.0.1:1"}), "log")
