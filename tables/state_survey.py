"""What there is of a Hayate's state, and what of it does not fit: read from the broker alone, on any machine."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from streams.errors import StateError
from streams.feature_set import FeatureSet
from streams.feeds.partitions import partition_of
from streams.kafka import topics
from streams.kafka.admin import topic_ids
from streams.kafka.checkpoint import Checkpoint, decode_checkpoint, made_anew
from streams.kafka.groups import Group, Member
from streams.kafka.topics import (
    FEATURES,
    TICKS,
    changelog_name,
    changelogs,
    ensemble_changelog_name,
    identities,
)
from streams.settings import Settings
from tables.state_log import Log, PartitionRows, read_partition

RESET: Final = "faust -A app state reset --yes"
RESET_ALL: Final = "faust -A app state reset --yes --outputs"
"""With the output topics: what is in them is of records that are gone."""
MIGRATE: Final = "faust -A app state migrate OLD_FEATURE_SET.toml"
RESETTING: Final = "reset-under-way"
MIGRATING: Final = "migration-under-way"
"""Layouts of the commits while a reset or a migration has not ended: no feature set has them, so no worker starts."""
TOPICS: Final = "faust -A app topics"


class Finding(NamedTuple):
    """Something that does not fit."""

    where: str
    """Topic, or `topic[partition]`."""
    what: str
    remedy: str
    """The command, or the setting, that resolves it."""
    anew: bool = False
    """Whether an input is not the log that the outputs were made of."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass
class Input:
    """One partition of one input topic."""

    begin: int
    end: int
    committed: int | None
    checkpoint: Checkpoint | None
    unreadable: str = ""
    """What is wrong with the commit's metadata."""

    @property
    def lag(self) -> int:
        """Records not worked on yet."""
        return max(0, self.end - max(self.committed or 0, self.begin))


@dataclass
class Survey:
    """All that was found."""

    settings: Settings
    feature_set: FeatureSet
    counts: dict[str, int] = field(default_factory=dict)
    """Partitions of each topic that exists."""
    ids: dict[str, str] = field(default_factory=dict)
    members: list[Member] = field(default_factory=list)
    ticks: dict[int, Input] = field(default_factory=dict)
    features: dict[int, Input] = field(default_factory=dict)
    ends: dict[TopicPartition, int] = field(default_factory=dict)
    """Of the outputs."""
    rows: dict[int, PartitionRows] = field(default_factory=dict)
    memories: dict[int, PartitionRows] = field(default_factory=dict)
    """Rows of what the ensemble remembers (tables/ensemble_state.py)."""

    @property
    def findings(self) -> list[Finding]:
        """What does not fit, with the command that resolves it; the gravest first."""
        found = [*self._topics(), *self._inputs(), *self._rows()]
        return sorted(found, key=lambda finding: not finding.anew)

    @property
    def made_anew(self) -> bool:
        """Whether outputs exist of records that are gone: ids would come twice."""
        return any(finding.anew for finding in self.findings)

    def layouts(self) -> Counter[int]:
        """Rows of each layout."""
        return Counter(head.layout for rows in self.rows.values() for head in rows.heads.values())

    def _topics(self) -> Iterator[Finding]:
        changelog = changelog_name(self.settings)
        for spec in topics.specs(self.settings):
            count = self.counts.get(spec.name)
            if count is None:
                lost = spec.name == changelog and any(place.committed for place in self.ticks.values())
                yield Finding(
                    spec.name, "missing, and the rows with it" if lost else "missing", RESET if lost else TOPICS
                )
            elif count != spec.partitions:
                yield Finding(
                    spec.name,
                    f"{count} partitions, not HAYATE_PARTITIONS={spec.partitions}",
                    f"HAYATE_PARTITIONS={count}",
                )

    def _inputs(self) -> Iterator[Finding]:
        for name, places in ((TICKS, self.ticks), (FEATURES, self.features)):
            topic = self.settings.topic(name)
            for partition, place in places.items():
                where = f"{topic}[{partition}]"
                if place.unreadable:
                    yield Finding(where, place.unreadable, RESET)
                if place.committed is not None and place.committed > place.end:
                    what = f"ends at {place.end}, and {place.committed} is committed: the topic was made anew"
                    yield Finding(where, what, RESET_ALL, anew=True)
                if place.checkpoint is not None:
                    yield from self._checkpoint(topic, partition, place.checkpoint)

    def _checkpoint(self, topic: str, partition: int, found: Checkpoint) -> Iterator[Finding]:
        where, settings = f"{topic}[{partition}]", self.settings
        now = identities(settings, self.ids).get(topic, "")
        anew = made_anew(found.topic, now)
        if anew == "changelog":
            yield Finding(where, "the changelog was made anew since the last checkpoint: the rows are gone", RESET)
        elif anew == "topic":
            yield Finding(where, "the topic was made anew since the last checkpoint", RESET_ALL, anew=True)
        if found.partitions and found.partitions != settings.partitions:
            what = f"the last checkpoint is of {found.partitions} partitions"
            yield Finding(where, what, f"HAYATE_PARTITIONS={found.partitions}")
        if found.layout == RESETTING:
            yield Finding(where, "a reset was interrupted", f"{RESET}, with the options it had")
        elif found.layout == MIGRATING:
            yield Finding(where, "a migration was interrupted", MIGRATE)
        elif topic == settings.topic(TICKS) and found.layout not in ("", layout_name(self.feature_set)):
            yield Finding(where, f"the last checkpoint is of layout {found.layout}", MIGRATE)
        for stream, end in found.ends.items():
            there = self.ends.get(TopicPartition(stream, partition))
            if there is not None and end > there:
                what = f"ends at {there}, and a checkpoint left it at {end}: the topic was made anew"
                yield Finding(f"{stream}[{partition}]", what, RESET_ALL)

    def _rows(self) -> Iterator[Finding]:
        changelog, layout = changelog_name(self.settings), self.feature_set.layout_hash
        for found, count in sorted(self.layouts().items()):
            if found != layout:
                yield Finding(changelog, f"{count} rows of layout {found:016x}, not {layout:016x}", MIGRATE)
        for partition, rows in self.rows.items():
            where, place = f"{changelog}[{partition}]", self.ticks.get(partition)
            if rows.strange:
                yield Finding(where, f"no rows: {_some(rows.strange)}", RESET)
            ahead = [key for key, head in rows.heads.items() if place is not None and head.offset >= place.end]
            if ahead:
                what = f"rows of ticks beyond the log's end: {_some(ahead)}: {TICKS} was made anew"
                yield Finding(where, what, RESET_ALL, anew=True)
            memories, place = self.memories.get(partition), self.features.get(partition)
            ahead = (
                [key for key, head in memories.heads.items() if place and head.offset >= place.end] if memories else []
            )
            if ahead:
                what = f"rows of feature records beyond the log's end: {_some(ahead)}: {FEATURES} was made anew"
                yield Finding(f"{ensemble_changelog_name(self.settings)}[{partition}]", what, RESET)
            moved = [key for key in rows.heads if partition_of(key, self.settings.partitions) != partition]
            if moved and not self.settings.any_partition:
                what = f"rows of symbols of other partitions, from another HAYATE_PARTITIONS: {_some(moved)}"
                yield Finding(where, what, RESET_ALL, anew=True)


def _some(symbols: list[bytes]) -> str:
    """One by name, and how many."""
    more = f" and {len(symbols) - 1} more" if len(symbols) > 1 else ""
    return min(symbols).decode() + more


def refuse_members(survey: Survey) -> None:
    """Nothing is changed under a worker that runs.

    Raises:
        StateError: naming the members.
    """
    if survey.members:
        names = ", ".join(str(member) for member in survey.members)
        raise StateError(
            f"group {survey.settings.group} has members: {names}; stop every worker first (one that was killed counts "
            f"until its session ends, {survey.settings.session_timeout_s:g} s)"
        )


def layout_name(feature_set: FeatureSet) -> str:
    """The layout as checkpoints name it."""
    return f"{feature_set.layout_hash:016x}"


async def survey(
    settings: Settings,
    feature_set: FeatureSet,
    admin: AIOKafkaAdminClient,
    log: Log,
    *,
    wanted: Callable[[bytes], bool] = lambda _: False,
    on_progress: Callable[[int, int], object] = lambda _done, _total: None,
) -> Survey:
    """Look at everything.

    `wanted`: the symbols whose whole rows are kept; `on_progress`: gets (offsets passed, of how many) of the changelog.
    """
    found = Survey(settings, feature_set)
    names = [spec.name for spec in topics.specs(settings)]
    existing = set(await admin.list_topics())
    present = [name for name in names if name in existing]
    if present:
        found.counts = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics(present)}
        found.ids = await topic_ids(admin, present)
    group = Group(admin, settings.group)
    found.members = await group.members()
    commits = await group.commits()
    changelog, memory = changelogs(settings)
    bounds = await _bounds(log, found.counts)
    found.ends = {tp: end for tp, (_, end) in bounds.items()}
    for name, places in ((TICKS, found.ticks), (FEATURES, found.features)):
        topic = settings.topic(name)
        for partition in range(found.counts.get(topic, 0)):
            tp = TopicPartition(topic, partition)
            places[partition] = _input(tp, *bounds[tp], commits.get(tp))
    total = sum(end - begin for tp, (begin, end) in bounds.items() if tp.topic in (changelog, memory))
    done = 0

    def progress(passed: int) -> None:
        nonlocal done
        done += passed
        on_progress(done, total)

    for partition in range(found.counts.get(changelog, 0)):
        found.rows[partition] = await read_partition(log, changelog, partition, wanted=wanted, on_progress=progress)
    for partition in range(found.counts.get(memory, 0)):
        found.memories[partition] = await read_partition(log, memory, partition, wanted=wanted, on_progress=progress)
    return found


async def _bounds(log: Log, counts: dict[str, int]) -> dict[TopicPartition, tuple[int, int]]:
    tps = [TopicPartition(topic, partition) for topic, count in counts.items() for partition in range(count)]
    return dict(zip(tps, await asyncio.gather(*(log.bounds(tp) for tp in tps)), strict=True))


def _input(tp: TopicPartition, begin: int, end: int, commit: OffsetAndMetadata | None) -> Input:
    if commit is None:
        return Input(begin, end, None, None)
    try:
        return Input(begin, end, commit.offset, decode_checkpoint(commit.metadata, f"{tp.topic}[{tp.partition}]"))
    except StateError as error:
        return Input(begin, end, commit.offset, None, str(error))
