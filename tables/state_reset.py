"""`faust -A app state reset`: the state starts anew.

The changelog is made anew, which gives it another id: rows that are left in any data directory are then known to be of
another one and are not used (tables/local_identity.py). Local files need not be touched, on whatever machine they are.

An interrupted reset is never taken for a finished one. Its first step commits, for every partition, a layout that no
feature set has, so that a worker refuses to start; its last step commits what is to be. Running it again finishes it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal

import msgspec
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import UnknownTopicOrPartitionError, for_code
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from streams.errors import StateError, TopicError
from streams.kafka import topics
from streams.kafka.admin import topic_ids
from streams.kafka.checkpoint import Checkpoint
from streams.kafka.groups import Group
from streams.kafka.topics import FEATURES, MODELS, TICKS, changelogs
from tables.state_survey import RESET_ALL, RESETTING, Input, Survey, refuse_members

Start = Literal["committed", "earliest", "latest"]

PAUSE_S: Final = 0.2
PATIENCE_S: Final = 30.0
"""How long Kafka may take to make a topic anew."""


@dataclass(frozen=True)
class ResetPlan:
    """What a reset is going to do."""

    start: Start
    outputs: bool
    survey: Survey

    @property
    def steps(self) -> list[str]:
        """In words."""
        settings = self.survey.settings
        rows = sum(len(rows.heads) for rows in self.survey.rows.values())
        where = {
            "committed": "go on behind the last checkpoint, every indicator warming up from there",
            "earliest": "rebuild the state from the oldest tick that the log still holds",
            "latest": "leave out every tick that is there, and begin with the next one",
        }
        said = [f"delete {rows} rows: {' and '.join(changelogs(settings))} are made anew"]
        if self.outputs:
            said.append(f"delete everything in {', '.join(output_topics(self.survey))}: made anew")
            said.append("delete the feature keys of Redis, which would keep what has the higher offset")
        else:
            said.append("keep the outputs: those that exist are not written again")
        said.append(f"--from {self.start}: {where[self.start]}")
        return said


def output_topics(survey: Survey) -> list[str]:
    """Every topic that Hayate writes, its state aside."""
    settings = survey.settings
    kept = (settings.topic(TICKS), settings.topic(MODELS), *changelogs(settings))
    return [spec.name for spec in topics.specs(settings) if spec.name not in kept]


def plan_reset(survey: Survey, *, start: Start, outputs: bool) -> ResetPlan:
    """Check that it can be done.

    Raises:
        StateError: the group has members, outputs would be of other ticks than their ids say, or there is nothing
            committed to go on from.
    """
    refuse_members(survey)
    if survey.made_anew and not outputs:
        first = next(finding for finding in survey.findings if finding.anew)
        raise StateError(
            f"{first}: the records in {', '.join(output_topics(survey))} are of ticks that are gone, and ids would "
            f"come twice; delete them as well: {RESET_ALL}"
        )
    settings = survey.settings
    kept = [settings.topic(TICKS), *([] if outputs else output_topics(survey))]
    for name in kept:
        if (count := survey.counts.get(name, settings.partitions)) != settings.partitions:
            more = "" if name == settings.topic(TICKS) else f", or delete the outputs as well: {RESET_ALL}"
            raise StateError(
                f"{name} has {count} partitions, HAYATE_PARTITIONS={settings.partitions}: set "
                f"HAYATE_PARTITIONS={count}{more}"
            )
    for place in survey.ticks.values():
        if start == "committed" and (place.committed or 0) > place.end:
            raise StateError(
                f"--from committed: offset {place.committed} is committed, the log ends at {place.end}; use --from "
                "earliest or --from latest"
            )
    return ResetPlan(start, outputs, survey)


async def reset(plan: ResetPlan, admin: AIOKafkaAdminClient, on_step: Callable[[str], object]) -> None:
    """Carry it out.

    Raises:
        TopicError: Kafka refuses to delete or make a topic.
        aiokafka.errors.KafkaError: it refuses a commit, as when a worker has joined meanwhile.
    """
    survey, settings = plan.survey, plan.survey.settings
    group = Group(admin, settings.group)
    on_step("marking the group, so that no worker starts half way")
    await group.commit(_commits(survey, _marked))
    anew = [*changelogs(settings), *(output_topics(survey) if plan.outputs else [])]
    for name in anew:
        on_step(f"making {name} anew")
        await make_anew(admin, next(spec for spec in topics.specs(settings) if spec.name == name))
    on_step("making what else is missing")
    await topics.ensure(admin, topics.specs(settings))
    on_step("setting the commits")
    await _set_commits(plan, group)


async def make_anew(admin: AIOKafkaAdminClient, spec: topics.TopicSpec) -> None:
    """Delete a topic, if it is there, and create it; returns once Kafka shows the new one."""
    before = (await topic_ids(admin, [spec.name])).get(spec.name)
    if before is not None or spec.name in await admin.list_topics():
        for name, code in (await admin.delete_topics([spec.name])).topic_error_codes:
            error = for_code(code)
            if code and error is not UnknownTopicOrPartitionError:
                raise TopicError(
                    f"topic {name}: Kafka refuses to delete it: {error.__name__}; delete it with kafka-topics.sh and "
                    "run this again"
                )

    async def is_gone() -> bool:
        return spec.name not in await admin.list_topics()

    async def is_new() -> bool:
        return before is None or (await topic_ids(admin, [spec.name])).get(spec.name, before) != before

    async with asyncio.timeout(PATIENCE_S):
        await _until(is_gone)  # the broker that answers may lag behind the one that deletes
        await topics.ensure(admin, [spec])
        await _until(is_new)


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    while not await condition():  # noqa: ASYNC110 - Kafka sends no word of it
        await asyncio.sleep(PAUSE_S)


async def _set_commits(plan: ResetPlan, group: Group) -> None:
    survey = plan.survey
    if plan.start == "earliest":
        removed = [tp for tp, _ in _inputs(survey)]
        await group.forget(removed)
        return
    features = survey.settings.topic(FEATURES)
    made: dict[TopicPartition, OffsetAndMetadata] = {}
    gone: list[TopicPartition] = []
    for tp, place in _inputs(survey):
        if tp.topic == features and plan.outputs:
            gone.append(tp)
        elif plan.start == "latest":
            made[tp] = OffsetAndMetadata(place.end, "")
        elif place.committed is None:
            gone.append(tp)
        else:
            found = place.checkpoint
            kept = None if found is None or plan.outputs else Checkpoint(ends=_ends(survey, tp, found), seen=found.seen)
            made[tp] = OffsetAndMetadata(place.committed, "" if kept is None else kept.encode())
    await group.commit(made)
    await group.forget(gone)


def _ends(survey: Survey, tp: TopicPartition, found: Checkpoint) -> dict[str, int]:
    """Where outputs ended, of those that still reach that far."""
    return {
        stream: end
        for stream, end in found.ends.items()
        if end <= survey.ends.get(TopicPartition(stream, tp.partition), -1)
    }


def _inputs(survey: Survey) -> list[tuple[TopicPartition, Input]]:
    settings = survey.settings
    return [
        (TopicPartition(settings.topic(name), partition), place)
        for name, places in ((TICKS, survey.ticks), (FEATURES, survey.features))
        for partition, place in places.items()
    ]


def _commits(
    survey: Survey, change: Callable[[Checkpoint | None], Checkpoint]
) -> dict[TopicPartition, OffsetAndMetadata]:
    """Every commit at its offset with its checkpoint changed."""
    return {
        tp: OffsetAndMetadata(place.committed or 0, change(place.checkpoint).encode()) for tp, place in _inputs(survey)
    }


def _marked(checkpoint: Checkpoint | None) -> Checkpoint:
    if checkpoint is None:
        return Checkpoint(ends={}, layout=RESETTING)
    return msgspec.structs.replace(checkpoint, layout=RESETTING)
