"""The tail of an output partition: which outputs of the records to be replayed exist already.

A checkpoint commits, beside the source offset, where each output stream ended then. What stands behind that was written
after the checkpoint, maybe by another worker, and is not written again. This is a set and not only the newest record's
source offset: a worker that lost its partition without knowing may have written an older one last.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from aiokafka import ConsumerRecord
from aiokafka.structs import TopicPartition

from streams.errors import RetryError, StateError
from streams.headers import header
from streams.kafka.rejection import POISON, REASON
from streams.records import PART, SOURCE

WINDOW = 5_000
"""Records read back where no checkpoint says where the tail begins."""
READ_TIMEOUT_S = 15.0
"""Deadline of one look at a partition, which may have no leader: its lane tries again, the others go on."""


class Log(Protocol):
    """What is asked of the brokers (streams.kafka.log_reader.LogReader)."""

    async def start(self) -> None:
        """Connect."""

    async def stop(self) -> None:
        """Disconnect."""

    async def bounds(self, tp: TopicPartition) -> tuple[int, int]:
        """Offset of the first record that the log holds, and the one behind its last."""

    async def fetch(self, tp: TopicPartition, offset: int) -> tuple[list[ConsumerRecord], int]:
        """Some records from `offset` on, and where to go on."""


@dataclass(slots=True)
class Tail:
    """What exists in one output partition for source offsets from the replay's start on."""

    existing: set[int] = field(default_factory=set)
    """Source offsets whose output exists."""
    parts: set[tuple[int, str]] = field(default_factory=set)
    """Where one source has several outputs: its offset and what tells them apart, of those that exist."""
    floor: int = 0
    """Every output of a source offset below this exists (set where only a window was read)."""
    last: int = -1
    """Highest source offset read, -1 in an empty partition: that of the newest record, unless a zombie wrote it."""
    end: int = 0
    """Offset at which the partition ended when this was read."""
    chained: bool = True
    """Whether each output names the one before it (header `prev`). Not in a topic that others write to as well: their
    records stand between ours, and a reader would see holes where there are none."""
    poisoned: set[int] = field(default_factory=set)
    """Source offsets that were rejected as poison: they must not be processed again, with whatever success."""

    def has(self, source: int, part: str | None = None) -> bool:
        """Whether the output of `source` is there already, or this one of several."""
        if source < self.floor:
            return True
        return source in self.existing if part is None else (source, part) in self.parts


class TailReader:
    """Reads tails, any number of them at once."""

    def __init__(self, log: Log, shared: frozenset[str] = frozenset()) -> None:
        """`shared`: topics that others write to as well (the audit to `alerts`): records without `src` are theirs."""
        self._log = log
        self._shared = shared

    async def start(self) -> None:
        """Connect."""
        await self._log.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._log.stop()

    async def end(self, topic: str, partition: int) -> int:
        """Offset behind the partition's last record.

        Raises:
            RetryError: nobody answered in time.
        """
        async with _deadline(topic, partition):
            return (await self._log.bounds(TopicPartition(topic, partition)))[1]

    async def read(self, topic: str, partition: int, committed: int, since: int | None) -> Tail:
        """Tail of one output partition from offset `since`, or of its last `WINDOW` records without one.

        Raises:
            StateError: the partition ends before `since`: the topic was made anew.
            RetryError: nobody answered in time.
        """
        async with _deadline(topic, partition):
            tp = TopicPartition(topic, partition)
            begin, end = await self._log.bounds(tp)
            if since is not None and since > end:
                raise StateError(
                    f"{topic}[{partition}] ends at {end}, but the last checkpoint left it at {since}: the topic was "
                    "made anew; restore it, or start anew with `faust -A app state reset`"
                )
            start = max(begin, end - WINDOW if since is None else since)
            tail = Tail(end=end, chained=topic not in self._shared)
            # One record before `start` says what `prev` of the next one is.
            records = await self._records(tp, max(begin, start - 1), end)
            sources = [_source(record) for record in records]
            while since is None and start > begin and len(set(sources)) == 1:
                # Outputs of one source, such as the bars that one mark closed, fill the window: which of them exist?
                behind, start = max(begin, start - 1), max(begin, start - WINDOW)
                earlier = await self._records(tp, max(begin, start - 1), behind)
                records, sources = earlier + records, [_source(record) for record in earlier] + sources
            for record, source in zip(records, sources, strict=True):
                if source >= committed:
                    if header(record.headers, REASON) == POISON:
                        tail.poisoned.add(source)
                    if (part := header(record.headers, PART)) is not None:
                        tail.parts.add((source, part.decode()))
            tail.existing = {source for source in sources if source >= committed}
            tail.last = max(sources, default=-1)
            if since is None and start > begin:
                # Of the first source in the window some outputs may stand before it; they exist, as the window's do.
                tail.floor = min(sources, default=-1) + 1
            return tail

    async def first_offset(self, topic: str, partition: int, offset: int) -> int | None:
        """Offset of the first record at or behind `offset` that the log holds now; None where there is none yet.

        Raises:
            RetryError: nobody answered in time.
        """
        async with _deadline(topic, partition):
            tp = TopicPartition(topic, partition)
            begin, end = await self._log.bounds(tp)
            offset = max(begin, offset)
            while offset < end:
                records, offset = await self._log.fetch(tp, offset)
                if records:
                    return int(records[0].offset)
            return None

    async def _records(self, tp: TopicPartition, start: int, end: int) -> list[ConsumerRecord]:
        found: list[ConsumerRecord] = []
        while start < end:
            records, start = await self._log.fetch(tp, start)
            found.extend(record for record in records if record.offset < end and not self._foreign(record))
        return found

    def _foreign(self, record: ConsumerRecord) -> bool:
        return record.topic in self._shared and header(record.headers, SOURCE) is None


@asynccontextmanager
async def _deadline(topic: str, partition: int) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            yield
    except TimeoutError as error:
        raise RetryError(f"{topic}[{partition}]: its leader did not answer within {READ_TIMEOUT_S:g} s") from error


def _source(record: ConsumerRecord) -> int:
    found = header(record.headers, SOURCE)
    if found is None or not found.isdigit():
        raise StateError(
            f"{record.topic}[{record.partition}]@{record.offset} has no offset in a header '{SOURCE}': something else "
            "than Hayate writes to this topic; give Hayate topics of its own (HAYATE_TOPIC_PREFIX)"
        )
    return int(found)
