"""The guards of the product, each with how to take it out of a running worker: the suite must then fail."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from aiokafka import ConsumerRecord
from aiokafka.errors import CommitFailedError

import agents.working_rows
from agents.ensemble import EnsembleJob
from agents.features import FeaturesJob
from agents.heartbeat import Heartbeat
from streams.kafka.batching import Batch
from streams.kafka.contiguity import Contiguity
from streams.kafka.outlet import Outlet
from streams.kafka.tail import Tail
from streams.kafka.transport import Consumer
from tables.changelog_rows import ChangelogRows
from tables.features import commands
from tables.features.library import Library
from tables.indicator_state import Row, RowWrite, decode_row


def no_contiguity() -> None:
    """Every poll is taken as it comes."""

    def take(self: Contiguity, batch: Batch) -> tuple[list[ConsumerRecord], int | None]:
        self.expected = batch.records[-1].offset + 1
        return batch.records, None

    Contiguity.take = take  # type: ignore[method-assign]


def no_tail() -> None:
    """Outputs are written whether they exist or not."""
    Tail.has = lambda self, source, part=None: False  # type: ignore[method-assign]  # noqa: ARG005


def no_row_offset() -> None:
    """A tick is folded into a saved row whether the row has it or not."""

    def forgetful(*args: Any, **kwargs: Any) -> Row:
        return decode_row(*args, **kwargs)._replace(offset=-1)

    vars(agents.working_rows)["decode_row"] = forgetful


def commit_before_changelog() -> None:
    """Rows go to the changelog after the commit."""
    to_changelog, to_store = RowWrite.to_changelog, RowWrite.to_store
    behind: set[asyncio.Task[None]] = set()

    async def later(self: RowWrite) -> None:  # noqa: ARG001
        return

    def store(self: RowWrite) -> None:
        async def both() -> None:
            await to_changelog(self)
            to_store(self)

        behind.add(asyncio.create_task(both()))

    RowWrite.to_changelog = later  # type: ignore[method-assign]
    RowWrite.to_store = store  # type: ignore[method-assign]


def store_before_commit() -> None:
    """The local store is written before the group has accepted the commit."""
    to_changelog = RowWrite.to_changelog

    async def both(self: RowWrite) -> None:
        await to_changelog(self)
        self.to_store()

    RowWrite.to_changelog = both  # type: ignore[method-assign]


def commits_are_not_refused() -> None:
    """What the group has refused counts as committed."""
    commit = Consumer.commit_with_metadata

    async def blind(self: Consumer, *args: Any) -> None:
        try:
            await commit(self, *args)
        except CommitFailedError:
            return

    Consumer.commit_with_metadata = blind  # type: ignore[assignment,method-assign]


def stale_rows_are_recovered() -> None:
    """Recovery applies whatever stands last in the changelog."""

    def last_wins(self: ChangelogRows, records: Iterable[ConsumerRecord]) -> None:
        for record in records:
            self._rows[record.key] = record.value
            self._offset = record.offset

    ChangelogRows.take = last_wins  # type: ignore[method-assign]


def zombies_write() -> None:
    """A process that stood still trusts itself."""
    Heartbeat.suspect = lambda self: False  # type: ignore[method-assign]  # noqa: ARG005
    Heartbeat._look = lambda self, now: None  # type: ignore[method-assign]  # noqa: ARG005


def copies_are_acted_on() -> None:
    """The ensemble takes each record for a new one."""

    def all_of_them(self: EnsembleJob, records: Sequence[ConsumerRecord]) -> list[ConsumerRecord]:  # noqa: ARG001
        return list(records)

    EnsembleJob._without_copies = all_of_them  # type: ignore[method-assign]


def failures_are_ignored() -> None:
    """An output whose produce failed counts as acknowledged, and the next ones are sent."""

    def ignore(self: Outlet, error: BaseException) -> None:  # noqa: ARG001
        self.acknowledged = self.put_count
        self._progress.set()

    Outlet._fail = ignore  # type: ignore[method-assign]


def redis_takes_older() -> None:
    """Redis takes what comes last for what is newest."""
    load: Callable[[], Library] = vars(commands)["load_library"]
    condition = "return greater(offset, known)"

    def careless() -> Library:
        library = load()
        assert condition in library.text, f"the library has no {condition!r} any more"
        return library._replace(text=library.text.replace(condition, "return true"))

    vars(commands)["load_library"] = careless


def commits_do_not_wait_for_redis() -> None:
    """A checkpoint commits what Redis has not got."""

    async def at_once(self: FeaturesJob | EnsembleJob, ends: Mapping[str, int]) -> None:  # noqa: ARG001
        return

    # Of both, for while one waits the other's flush goes on.
    FeaturesJob.settle = EnsembleJob.settle = at_once  # type: ignore[method-assign]


GUARDS: Final[dict[str, Callable[[], None]]] = {
    "contiguity": no_contiguity,
    "tail": no_tail,
    "row-offset": no_row_offset,
    "changelog-before-commit": commit_before_changelog,
    "store-last": store_before_commit,
    "refused-commit": commits_are_not_refused,
    "stale-rows": stale_rows_are_recovered,
    "copies": copies_are_acted_on,
    "failed-output": failures_are_ignored,
    "redis-newest": redis_takes_older,
    "redis-before-commit": commits_do_not_wait_for_redis,
    "zombie": zombies_write,
}

REPLACED: Final[dict[str, list[tuple[str, str]]]] = {
    "contiguity": [("streams.kafka.contiguity:Contiguity", "take")],
    "tail": [("streams.kafka.tail:Tail", "has")],
    "row-offset": [("agents.working_rows", "decode_row")],
    "changelog-before-commit": [
        ("tables.indicator_state:RowWrite", "to_changelog"),
        ("tables.indicator_state:RowWrite", "to_store"),
    ],
    "store-last": [("tables.indicator_state:RowWrite", "to_changelog")],
    "refused-commit": [("streams.kafka.transport:Consumer", "commit_with_metadata")],
    "stale-rows": [("tables.changelog_rows:ChangelogRows", "take")],
    "copies": [("agents.ensemble:EnsembleJob", "_without_copies")],
    "failed-output": [("streams.kafka.outlet:Outlet", "_fail")],
    "redis-newest": [("tables.features.commands", "load_library")],
    "redis-before-commit": [("agents.features:FeaturesJob", "settle"), ("agents.ensemble:EnsembleJob", "settle")],
    "zombie": [("agents.heartbeat:Heartbeat", "suspect"), ("agents.heartbeat:Heartbeat", "_look")],
}
"""What each replaces: `module:Class` or `module`, and the name there."""
