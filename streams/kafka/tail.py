"""The tail of an output partition: which outputs of the records to be replayed exist already.

A checkpoint commits, beside the source offset, where each output stream ended then. What stands behind that was written
after the checkpoint, maybe by another worker, and is not written again. This is a set and not only the newest record's
source offset: a worker that lost its partition without knowing may have written an older one last.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from streams.errors import StateError
from streams.headers import header
from streams.records import SOURCE

WINDOW = 5_000
"""Records read back where no checkpoint says where the tail begins."""
READ_TIMEOUT_MS = 1_000


class Checkpoint(msgspec.Struct, frozen=True):
    """Metadata of a committed source offset."""

    ends: dict[str, int]
    """Output stream -> offset behind the last record that the commit covers."""
    seen: int = -1
    """Highest `src` of the input that was acted on: a record not above it is a copy."""


@dataclass(slots=True)
class Tail:
    """What exists in one output partition for source offsets from the replay's start on."""

    existing: set[int] = field(default_factory=set)
    """Source offsets whose output exists."""
    floor: int = 0
    """Every output of a source offset below this exists (set where only a window was read)."""
    last: int = -1
    """Highest source offset read, -1 in an empty partition: that of the newest record, unless a zombie wrote it."""
    end: int = 0
    """Offset at which the partition ended when this was read."""

    def has(self, source: int) -> bool:
        """Whether the output of `source` is there already."""
        return source < self.floor or source in self.existing


class TailReader:
    """Reads tails with one groupless consumer, one partition at a time."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        """Connect."""
        await self._consumer.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def end(self, topic: str, partition: int) -> int:
        """Offset behind the partition's last record."""
        tp = TopicPartition(topic, partition)
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets([tp])
        return ends[tp]

    async def read(self, topic: str, partition: int, committed: int, since: int | None) -> Tail:
        """Tail of one output partition from offset `since`, or of its last `WINDOW` records without one.

        Raises:
            StateError: the partition ends before `since`: the topic was made anew.
        """
        async with self._lock:
            tp = TopicPartition(topic, partition)
            end = await self.end(topic, partition)
            begin = (await self._consumer.beginning_offsets([tp]))[tp]
            if since is not None and since > end:
                raise StateError(
                    f"{topic}[{partition}] ends at {end}, but the last checkpoint left it at {since}: the topic was "
                    "made anew; start with a new HAYATE_APP_ID and an empty HAYATE_DATA_DIR, or restore the topic"
                )
            start = max(begin, end - WINDOW if since is None else since)
            tail = Tail(end=end)
            # One record before `start` says what `prev` of the next one is.
            sources = await self._sources(tp, max(begin, start - 1), end)
            tail.existing = {source for source in sources if source >= committed}
            tail.last = max(sources, default=-1)
            if since is None and start > begin:
                tail.floor = min(sources, default=0)
            return tail

    async def first_offset(self, topic: str, partition: int, offset: int) -> int | None:
        """Offset of the first record at or behind `offset` that the log holds now; None where there is none yet."""
        async with self._lock:
            tp = TopicPartition(topic, partition)
            begin = (await self._consumer.beginning_offsets([tp]))[tp]
            end = await self.end(topic, partition)
            self._consumer.assign([tp])
            self._consumer.seek(tp, max(begin, offset))
            while await self._consumer.position(tp) < end:
                for records in (await self._consumer.getmany(tp, timeout_ms=READ_TIMEOUT_MS, max_records=1)).values():
                    return int(records[0].offset)
            return None

    async def _sources(self, tp: TopicPartition, start: int, end: int) -> list[int]:
        sources: list[int] = []
        if start >= end:
            return sources
        self._consumer.assign([tp])
        self._consumer.seek(tp, start)
        while await self._consumer.position(tp) < end:
            for records in (await self._consumer.getmany(tp, timeout_ms=READ_TIMEOUT_MS)).values():
                sources.extend(_source(record) for record in records if record.offset < end)
        return sources


def _source(record: Any) -> int:
    found = header(record.headers, SOURCE)
    if found is None or not found.isdigit():
        raise StateError(
            f"{record.topic}[{record.partition}]@{record.offset} has no offset in a header '{SOURCE}': something else "
            "than Hayate writes to this topic; give Hayate topics of its own (HAYATE_TOPIC_PREFIX)"
        )
    return int(found)
