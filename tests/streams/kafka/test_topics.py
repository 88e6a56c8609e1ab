"""Topics on a real Kafka: made once, as described, and refused where they differ."""

import re
import time
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.local import Endpoints
from streams.errors import RetryError, TopicError
from streams.kafka import topics
from streams.kafka.admin import connected_admin
from streams.kafka.topics import TopicSpec, changelog_name, changelogs, check, ensure, identities, specs
from streams.settings import Settings


@pytest.fixture
def settings(topic_prefix: str) -> Settings:
    return Settings(
        topic_prefix=topic_prefix, app_id="app", partitions=3, ticks_retention_hours=2, outputs_retention_hours=5
    )


def expected(settings: Settings) -> dict[str, dict[str, str]]:
    """What is described for each topic, in the broker's own words."""
    prefix = settings.topic_prefix
    stamped = {"message.timestamp.type": "LogAppendTime"}
    changelog = {
        "cleanup.policy": "compact",
        "max.message.bytes": "1048576",
        "segment.bytes": "67108864",
        "min.cleanable.dirty.ratio": "0.2",
    }
    return {
        f"{prefix}ticks": {**stamped, "retention.ms": "7200000"},
        f"{prefix}ticks-rejected": {**stamped, "retention.ms": "7200000", "max.message.bytes": "2097152"},
        f"{prefix}features": {**stamped, "retention.ms": "18000000"},
        f"{prefix}features-rejected": {**stamped, "retention.ms": "18000000", "max.message.bytes": "2097152"},
        f"{prefix}signals": {**stamped, "retention.ms": "18000000"},
        f"{prefix}bars": {**stamped, "retention.ms": "18000000"},
        f"{prefix}alerts": {**stamped, "retention.ms": "18000000"},
        f"{prefix}signals-shadow": {**stamped, "retention.ms": "18000000"},
        f"{prefix}models": {**stamped, "retention.ms": "-1", "cleanup.policy": "delete"},
        f"app-{prefix}indicator-state-changelog": changelog,
        f"app-{prefix}ensemble-state-changelog": changelog,
    }


async def configs_of(admin: AIOKafkaAdminClient, name: str) -> dict[str, str]:
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    ((_, _, _, _, entries),) = answer.resources
    return {key: value for key, value, *_ in entries}


async def until_listed(admin: AIOKafkaAdminClient, *names: str) -> None:
    """A broker may list a topic only some time after it has answered that it made it."""
    while not set(names) <= set(await admin.list_topics()):
        pass


def test_every_topic_is_described_once_with_one_partition_count(settings: Settings) -> None:
    described = specs(settings)
    assert {spec.name: spec.config for spec in described} == expected(settings)
    assert {(spec.partitions, spec.replication) for spec in described} == {(3, 1)}
    assert len(described) == len(expected(settings))
    assert changelog_name(Settings(app_id="a", topic_prefix="p-")) == "a-p-indicator-state-changelog"


def test_what_checkpoints_rest_on(settings: Settings) -> None:
    """Each on the changelog of its rows, too; a topic whose id is not known leaves its input without."""
    ticks, features = settings.topic("ticks"), settings.topic("features")
    state, memory = changelogs(settings)
    assert state == changelog_name(settings)
    ids = {ticks: "a" * 32, features: "b" * 32, state: "c" * 32, memory: "d" * 32}
    own = {ticks: "a" * 16 + "+" + "c" * 16, features: "b" * 16 + "+" + "d" * 16}
    assert identities(settings, ids) == own
    assert identities(settings, {features: "b" * 32, memory: "d" * 32}) == {features: own[features]}
    assert identities(settings, {ticks: "a" * 32, features: "b" * 32}) == {}
    assert identities(settings, {}) == {}


def test_faust_calls_the_changelog_the_same(settings: Settings) -> None:
    import faust  # noqa: PLC0415 - heavy, for one test

    app = faust.App(settings.app_id, broker="kafka://127.0.0.1:1", autodiscover=False)
    table: Any = app.Table(f"{settings.topic_prefix}{topics.STATE_TABLE}")
    assert table._changelog_topic_name() == changelog_name(settings)


async def test_topics_are_made_as_described_and_only_once(admin: AIOKafkaAdminClient, settings: Settings) -> None:
    wanted = specs(settings)
    assert await check(admin, wanted) == wanted
    assert await ensure(admin, wanted) == [spec.name for spec in wanted]
    assert await check(admin, wanted) == [], "a worker may start at once"
    assert await ensure(admin, wanted) == []
    described = await admin.describe_topics([spec.name for spec in wanted])
    assert {topic["topic"]: len(topic["partitions"]) for topic in described} == {spec.name: 3 for spec in wanted}
    for name, config in expected(settings).items():
        found = await configs_of(admin, name)
        assert {key: found[key] for key in config} == config
        assert found["cleanup.policy"] == config.get("cleanup.policy", "delete")


async def test_only_the_missing_ones_are_made(admin: AIOKafkaAdminClient, settings: Settings) -> None:
    wanted = specs(settings)
    await ensure(admin, wanted[1:3])
    await until_listed(admin, wanted[1].name, wanted[2].name)
    assert await check(admin, wanted) == [wanted[0], *wanted[3:]]
    assert await ensure(admin, wanted) == [spec.name for spec in (wanted[0], *wanted[3:])]


async def test_another_partition_count_is_refused(admin: AIOKafkaAdminClient, settings: Settings) -> None:
    name = settings.topic("features")
    await admin.create_topics([NewTopic(name, 4, 1)])
    await until_listed(admin, name)
    for do in (check, ensure):
        with pytest.raises(TopicError) as caught:
            await do(admin, specs(settings))
        assert str(caught.value).startswith(
            f"topic {name} has 4 partitions, HAYATE_PARTITIONS says 3: set HAYATE_PARTITIONS=4, or use other topics "
            "with HAYATE_TOPIC_PREFIX"
        )
    assert settings.topic("ticks") not in await admin.list_topics(), "nothing was made before the refusal"


async def test_what_kafka_refuses_is_told_with_its_reason(admin: AIOKafkaAdminClient, topic_prefix: str) -> None:
    bad = [
        (TopicSpec(f"{topic_prefix}a", 1, 3, {}), "InvalidReplicationFactorError.*replication"),
        (TopicSpec(f"{topic_prefix}a b", 1, 1, {}), "InvalidTopicError"),
        (TopicSpec(f"{topic_prefix}c", 1, 1, {"no.such": "1"}), "InvalidConfigurationError.*no.such"),
    ]
    for spec, why in bad:
        with pytest.raises(TopicError, match=f"topic {spec.name}: Kafka refuses to create it: {why}"):
            await ensure(admin, [spec])


async def test_a_topic_that_another_worker_made_in_between_is_fine(
    admin: AIOKafkaAdminClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = specs(settings)[:1]
    await ensure(admin, wanted)

    async def nothing_yet() -> list[str]:
        return []

    monkeypatch.setattr(admin, "list_topics", nothing_yet)
    await ensure(admin, wanted)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("ticks", {"message.timestamp.type": "CreateTime"}),
        ("features", {"message.timestamp.type": "CreateTime"}),
        ("changelog", {"cleanup.policy": "compact,delete"}),
    ],
)
async def test_a_topic_whose_config_breaks_a_promise_is_refused(
    admin: AIOKafkaAdminClient, settings: Settings, name: str, config: dict[str, str]
) -> None:
    full = changelog_name(settings) if name == "changelog" else settings.topic(name)
    await admin.create_topics([NewTopic(full, 3, 1, topic_configs=config)])
    await until_listed(admin, full)
    wanted = next(spec for spec in specs(settings) if spec.name == full)
    ((key, value),) = config.items()
    remedy = re.escape(f"--entity-type topics --entity-name {full} --add-config {key}={wanted.config[key]}`")
    with pytest.raises(TopicError, match=f"topic {full} has {key}={value}, not .*{remedy}"):
        await check(admin, specs(settings))


async def test_what_a_refusal_names_is_a_remedy(admin: AIOKafkaAdminClient, settings: Settings) -> None:
    """A topic of an earlier version is refused, and accepted once it has been altered."""
    name = settings.topic("features")
    await admin.create_topics([NewTopic(name, 3, 1)])
    await until_listed(admin, name)
    with pytest.raises(TopicError, match=r"message\.timestamp\.type=CreateTime, not LogAppendTime"):
        await ensure(admin, specs(settings))
    (spec,) = (spec for spec in specs(settings) if spec.name == name)
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, spec.config)])
    deadline = time.monotonic() + 10
    while (await configs_of(admin, name))["message.timestamp.type"] != "LogAppendTime":
        assert time.monotonic() < deadline
    assert name not in await ensure(admin, specs(settings))


async def test_the_admin_is_connected_and_closed_again(services: Endpoints) -> None:
    async with connected_admin(services.kafka_url) as client:
        assert isinstance(await client.list_topics(), list)
    assert client._client._conns
    assert not any(connection.connected() for connection in client._client._conns.values())


async def test_no_kafka_there_says_where_and_what_to_do() -> None:
    with pytest.raises(RetryError, match=r"Kafka at 127\.0\.0\.1:1, 127\.0\.0\.1:2 does not answer .*HAYATE_KAFKA_URL"):
        async with connected_admin("kafka://127.0.0.1:1;127.0.0.1:2"):
            pytest.fail("nobody is there")
