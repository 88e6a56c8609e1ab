"""The topics: what exists, how it is created, and what a worker refuses to start on."""

from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from streams.errors import TopicError
from streams.settings import Settings

TICKS = "ticks"
REJECTED = "ticks-rejected"
FEATURES = "features"
SIGNALS = "signals"
STATE_TABLE = "indicator-state"

HOUR_MS = 3_600_000
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
    return f"{settings.app_id}-{settings.topic_prefix}{STATE_TABLE}-changelog"


def specs(settings: Settings) -> list[TopicSpec]:
    """Every topic of one Hayate, all with the same partition count: outputs keep the partition of their ticks."""

    def spec(name: str, **config: object) -> TopicSpec:
        return TopicSpec(
            name, settings.partitions, settings.replication, {k.replace("_", "."): str(v) for k, v in config.items()}
        )

    outputs_ms = settings.outputs_retention_hours * HOUR_MS
    ticks_ms = settings.ticks_retention_hours * HOUR_MS
    return [
        # LogAppendTime: the arrival time of a tick is then in the log, the same at every replay.
        spec(settings.topic(TICKS), message_timestamp_type="LogAppendTime", retention_ms=ticks_ms),
        # A rejected record holds the original bytes, however large they were.
        spec(settings.topic(REJECTED), retention_ms=ticks_ms, max_message_bytes=REJECTED_MAX_BYTES),
        spec(settings.topic(FEATURES), retention_ms=outputs_ms),
        spec(settings.topic(SIGNALS), retention_ms=outputs_ms),
        # Compact only: Faust's recovery hangs for ever on a changelog that is also trimmed by time.
        spec(changelog_name(settings), cleanup_policy="compact", max_message_bytes=1_048_576),
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
    return [s.name for s in missing]


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
                    f"topic {spec.name} has {key}={found[spec.name][key]}, not {spec.config[key]}: change it with "
                    "kafka-configs.sh, or use other topics with HAYATE_TOPIC_PREFIX"
                )
