"""The topics: what exists, how it is created, and what a worker refuses to start on."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from streams.errors import TopicError
from streams.settings import INPUT, Settings

TICKS = INPUT
REJECTED = "ticks-rejected"
FEATURES = "features"
FEATURES_REJECTED = "features-rejected"
SIGNALS = "signals"
BARS = "bars"
ALERTS = "alerts"
SIGNALS_SHADOW = "signals-shadow"
MODELS = "models"
STATE_TABLE = "indicator-state"
ENSEMBLE_TABLE = "ensemble-state"

HOUR_MS = 3_600_000
ID_DIGITS = 16
"""Of the 32 of a topic id: enough, and short in every commit."""
LISTED_S = 10.0
REJECTED_MAX_BYTES = 2 * 1024 * 1024
PROMISES = frozenset({"message.timestamp.type", "cleanup.policy"})
"""Configs without which a topic must not be used."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic as `faust -A app topics` creates it."""

    name: str
    partitions: int
    replication: int
    config: dict[str, str]


def changelog_name(settings: Settings) -> str:
    """Topic behind the indicator state table, as Faust names it."""
    return f"{settings.group}-{settings.topic_prefix}{STATE_TABLE}-changelog"


def ensemble_changelog_name(settings: Settings) -> str:
    """Topic behind the table of what the ensemble remembers."""
    return f"{settings.group}-{settings.topic_prefix}{ENSEMBLE_TABLE}-changelog"


def changelogs(settings: Settings) -> tuple[str, str]:
    """Every topic behind a table."""
    return changelog_name(settings), ensemble_changelog_name(settings)


def identities(settings: Settings, ids: Mapping[str, str]) -> dict[str, str]:
    """Input topic -> what its checkpoints rest on, from Kafka's ids of all topics: the topic itself and the changelog
    with the rows. One made anew under its old name gives another. Empty where the broker has no ids."""
    rests_on = {
        settings.topic(TICKS): (settings.topic(TICKS), changelog_name(settings)),
        settings.topic(FEATURES): (settings.topic(FEATURES), ensemble_changelog_name(settings)),
    }
    return {
        topic: "+".join(ids[name][:ID_DIGITS] for name in names)
        for topic, names in rests_on.items()
        if all(name in ids for name in names)
    }


def specs(settings: Settings) -> list[TopicSpec]:
    """Every topic of one Hayate, all with the same partition count: outputs keep the partition of their ticks."""

    def spec(name: str, **config: object) -> TopicSpec:
        return TopicSpec(
            name, settings.partitions, settings.replication, {k.replace("_", "."): str(v) for k, v in config.items()}
        )

    outputs_ms = settings.outputs_retention_hours * HOUR_MS
    ticks_ms = settings.ticks_retention_hours * HOUR_MS

    def stamped(name: str, retention_ms: int, **config: object) -> TopicSpec:
        # LogAppendTime: when a tick came, and when an output could be known, is then in the log, by the one clock of
        # its partition's leader, in the order of the offsets, and the same at every replay.
        return spec(settings.topic(name), message_timestamp_type="LogAppendTime", retention_ms=retention_ms, **config)

    return [
        stamped(TICKS, ticks_ms),
        # A rejected record holds the original bytes, however large they were.
        stamped(REJECTED, ticks_ms, max_message_bytes=REJECTED_MAX_BYTES),
        stamped(FEATURES, outputs_ms),
        stamped(FEATURES_REJECTED, outputs_ms, max_message_bytes=REJECTED_MAX_BYTES),
        stamped(SIGNALS, outputs_ms),
        stamped(BARS, outputs_ms),
        stamped(ALERTS, outputs_ms),
        stamped(SIGNALS_SHADOW, outputs_ms),
        # Kept whole: a replay of any record needs to know who served it. Only partition 0 is used.
        stamped(MODELS, -1, cleanup_policy="delete"),
        # Compact only: Faust's recovery hangs for ever on a changelog that is also trimmed by time.
        # Recovery reads it all: segments small enough to be compacted soon, and compacted well.
        *(
            spec(
                name,
                cleanup_policy="compact",
                max_message_bytes=1_048_576,
                segment_bytes=67_108_864,
                min_cleanable_dirty_ratio=0.2,
            )
            for name in changelogs(settings)
        ),
    ]


async def ensure(admin: AIOKafkaAdminClient, wanted: list[TopicSpec]) -> list[str]:
    """Create what is missing; returns the names created.

    Raises:
        TopicError: a topic exists with another partition count, or Kafka refuses to create one.
    """
    missing = await check(admin, wanted)
    if missing:
        answer = await admin.create_topics(
            [NewTopic(s.name, s.partitions, s.replication, topic_configs=s.config) for s in missing]
        )
        for name, code, *message in answer.topic_errors:
            error = for_code(code)
            if code != 0 and error is not TopicAlreadyExistsError:
                raise TopicError(
                    f"topic {name}: Kafka refuses to create it: {error.__name__} {' '.join(map(str, message))}"
                )
        await _until_listed(admin, {s.name for s in missing})
    return [s.name for s in missing]


async def _until_listed(admin: AIOKafkaAdminClient, names: set[str]) -> None:
    """Wait, for a bounded time, until the broker shows what it made: it answers before it knows of it itself, and a
    worker that starts at once would miss the topics."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LISTED_S):
            while not names <= set(await admin.list_topics()):  # noqa: ASYNC110 - Kafka sends no word of it
                await asyncio.sleep(0.05)


async def check(admin: AIOKafkaAdminClient, wanted: list[TopicSpec]) -> list[TopicSpec]:
    """The topics that are missing.

    Raises:
        TopicError: a topic exists with another partition count than the settings say, or with a config under which
            replay is not exact or recovery does not end.
    """
    existing = set(await admin.list_topics())
    names = [s.name for s in wanted if s.name in existing]
    counts = {}
    if names:
        counts = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics(names)}
    for spec in wanted:
        if spec.name in counts and counts[spec.name] != spec.partitions:
            raise TopicError(
                f"topic {spec.name} has {counts[spec.name]} partitions, HAYATE_PARTITIONS says {spec.partitions}: set "
                f"HAYATE_PARTITIONS={counts[spec.name]}, or use other topics with HAYATE_TOPIC_PREFIX (a topic's state "
                "is spread by its partition count, so it cannot simply be changed)"
            )
    await _check_promises(admin, [s for s in wanted if s.name in existing])
    return [s for s in wanted if s.name not in existing]


async def _check_promises(admin: AIOKafkaAdminClient, existing: list[TopicSpec]) -> None:
    """Retention and sizes are the operator's to change, these are not."""
    asked = {s.name: s.config.keys() & PROMISES for s in existing if s.config.keys() & PROMISES}
    if not asked:
        return
    answers = await admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(keys)) for name, keys in asked.items()]
    )
    found = {name: {key: value for key, value, *_ in e} for a in answers for _, _, _, name, e in a.resources}
    for spec in existing:
        for key in asked.get(spec.name, ()):
            if found[spec.name][key] != spec.config[key]:
                raise TopicError(
                    f"topic {spec.name} has {key}={found[spec.name][key]}, not {spec.config[key]}: change it, which "
                    "holds for what is written from then on, with `kafka-configs.sh --bootstrap-server HOST:PORT "
                    f"--alter --entity-type topics --entity-name {spec.name} --add-config {key}={spec.config[key]}`, "
                    "or use other topics with HAYATE_TOPIC_PREFIX"
                )
