"""`faust -A app state migrate`: the rows of another feature set become rows of the running one.

Rows keep their source offset and time, so what is replayed afterwards goes on exactly where they stand. Those that are
of the running set already are left alone, which makes the command one that can be interrupted and run again: until its
last step the commits carry a layout that no feature set has, and no worker starts.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from streams.errors import StateError
from streams.feature_set import FeatureSet
from streams.kafka.checkpoint import Checkpoint
from streams.kafka.groups import Group
from streams.kafka.topics import FEATURES, TICKS, changelog_name
from tables.indicator_state import Row, decode_row, encode_row
from tables.migrations import MIGRATIONS, FamilyMigration, RowMigration, earlier_versions
from tables.state_log import Log, read_partition
from tables.state_survey import MIGRATING, RESET, Input, Survey, layout_name, refuse_members

IN_FLIGHT = 1_000
"""Rows that wait for their acknowledgement."""


@dataclass(frozen=True)
class MigrationPlan:
    """What a migration is going to do."""

    survey: Survey
    migrations: Mapping[int, RowMigration]
    """By the layout of the rows."""

    @property
    def rows(self) -> int:
        """How many rows there are to convert."""
        return sum(count for layout, count in self.survey.layouts().items() if layout in self.migrations)

    @property
    def steps(self) -> list[str]:
        """In words."""
        done = self.survey.layouts()[self.survey.feature_set.layout_hash]
        said = [f"convert {self.rows} rows to layout {layout_name(self.survey.feature_set)} ({done} have it already)"]
        for migration in self.migrations.values():
            said.append(f"these go on: {', '.join(migration.kept) or 'none'}")
            said.append(f"these start warming: {', '.join(migration.fresh) or 'none'}")
        if unread := sum(place.lag for place in self.survey.features.values()):
            said.append(
                f"{unread} feature records of the old set have no signal yet and get none: let a worker of it finish"
            )
        return said


def plan_migration(survey: Survey, old: FeatureSet, registry: Sequence[FamilyMigration] = MIGRATIONS) -> MigrationPlan:
    """Check that it can be done.

    Raises:
        StateError: the group has members, the log is another one, or there are rows of neither set.
    """
    refuse_members(survey)
    for finding in survey.findings:
        if finding.anew:
            raise StateError(f"{finding}; these rows are of no use: {finding.remedy}")
    new = survey.feature_set
    found = survey.layouts()
    versions = {version.layout_hash: version for version in earlier_versions(old, registry)}
    migrations = {
        layout: RowMigration(versions[layout], new, registry)
        for layout in found
        if layout in versions and layout != new.layout_hash
    }
    unknown = [
        f"{layout:016x} ({count})" for layout, count in found.items() if layout not in {*versions, new.layout_hash}
    ]
    if unknown:
        raise StateError(
            f"rows of layout {', '.join(unknown)} are neither of {old.name} ({layout_name(old)}) nor of {new.name} "
            f"({layout_name(new)}): give the feature set that wrote them, or start anew: {RESET}"
        )
    return MigrationPlan(survey, migrations)


async def migrate(
    plan: MigrationPlan,
    admin: AIOKafkaAdminClient,
    log: Log,
    producer: AIOKafkaProducer,
    on_progress: Callable[[int, int], object],
) -> int:
    """Carry it out; returns how many rows were converted. `on_progress`: gets (rows done, of how many).

    Raises:
        aiokafka.errors.KafkaError: Kafka refuses something, as when a worker has joined meanwhile.
    """
    survey = plan.survey
    group = Group(admin, survey.settings.group)
    await group.commit(_relabelled(survey, MIGRATING, MIGRATING))
    topic = changelog_name(survey.settings)
    old = {layout.to_bytes(8, "little") for layout in plan.migrations}
    done = 0
    for partition, rows in survey.rows.items():
        keys = {key for key, head in rows.heads.items() if head.layout in plan.migrations}
        if not keys:
            continue
        read = await read_partition(log, topic, partition, wanted=keys.__contains__, on_progress=lambda _: None)
        waiting = []
        for key, value in read.values.items():
            if value[:8] in old:
                waiting.append(await producer.send(topic, _converted(plan, key, value), key=key, partition=partition))
                done += 1
            if len(waiting) == IN_FLIGHT:
                await _acknowledged(waiting)
                on_progress(done, plan.rows)
        await _acknowledged(waiting)
        on_progress(done, plan.rows)
    await group.commit(_relabelled(survey, layout_name(survey.feature_set), survey.feature_set.version))
    return done


def _converted(plan: MigrationPlan, key: bytes, value: bytes) -> bytes:
    migration = plan.migrations[int.from_bytes(value[:8], "little")]
    row = decode_row(value, symbol=key.decode(), layout=migration.old_layout, width=migration.old_width)
    return encode_row(Row(plan.survey.feature_set.layout_hash, row.offset, row.ts_ns, migration.convert(row.state)))


async def _acknowledged(waiting: "list[asyncio.Future[object]]") -> None:
    await asyncio.gather(*waiting)
    waiting.clear()


def _relabelled(survey: Survey, ticks: str, features: str) -> dict[TopicPartition, OffsetAndMetadata]:
    """Every commit that is there, with another layout."""

    def relabelled(place: Input, layout: str) -> str:
        found = place.checkpoint or Checkpoint(ends={})
        return msgspec.structs.replace(found, layout=layout).encode()

    settings = survey.settings
    return {
        TopicPartition(settings.topic(name), partition): OffsetAndMetadata(place.committed, relabelled(place, layout))
        for name, places, layout in ((TICKS, survey.ticks, ticks), (FEATURES, survey.features, features))
        for partition, place in places.items()
        if place.committed is not None
    }
