"""The changelog as a command reads it: straight from the broker, whatever is in any data directory."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from aiokafka import ConsumerRecord
from aiokafka.structs import TopicPartition

from streams.records import SYMBOL_PATTERN
from tables.indicator_state import HEADER

SYMBOL: Final = re.compile(SYMBOL_PATTERN.encode())


class Log(Protocol):
    """What is asked of the brokers (streams.kafka.log_reader.LogReader)."""

    async def bounds(self, tp: TopicPartition) -> tuple[int, int]:
        """Offset of the first record that the log holds, and the one behind its last."""

    async def fetch(self, tp: TopicPartition, offset: int) -> tuple[list[ConsumerRecord], int]:
        """Some records from `offset` on, and where to go on."""


class Head(NamedTuple):
    """What stands before the numbers of a row."""

    layout: int
    offset: int
    """Source offset of the last tick judged."""
    ts_ns: int

    @classmethod
    def of(cls, value: bytes) -> "Head | None":
        """Head of a changelog value, None where it is no row."""
        return cls(*HEADER.unpack_from(value)) if len(value) >= HEADER.size else None


@dataclass
class PartitionRows:
    """The rows that recovery of one changelog partition ends with."""

    begin: int = 0
    end: int = 0
    records: int = 0
    """Read, repeats and removals included."""
    heads: dict[bytes, Head] = field(default_factory=dict)
    values: dict[bytes, bytes] = field(default_factory=dict)
    """Whole rows, of those keys that were asked for."""
    strange: list[bytes] = field(default_factory=list)
    """Symbols whose record is no row."""

    def take(self, record: ConsumerRecord, wanted: Callable[[bytes], bool]) -> None:
        """Take the next record, as recovery does: the highest source offset wins, of equal ones the last."""
        self.records += 1
        key, value = record.key or b"", record.value
        if not SYMBOL.fullmatch(key):
            return  # what else a partition remembers is not a symbol's row
        if value is None:
            self.heads.pop(key, None)
            self.values.pop(key, None)
            return
        head = Head.of(value)
        if head is None:
            self.strange.append(key)
        elif key not in self.heads or head.offset >= self.heads[key].offset:
            self.heads[key] = head
            if wanted(key):
                self.values[key] = value


async def read_partition(
    log: Log,
    topic: str,
    partition: int,
    *,
    wanted: Callable[[bytes], bool],
    on_progress: Callable[[int], object],
) -> PartitionRows:
    """Read one changelog partition to the end that it has now; `on_progress` gets the number of offsets passed."""
    tp = TopicPartition(topic, partition)
    rows = PartitionRows()
    rows.begin, rows.end = await log.bounds(tp)
    at = rows.begin
    while at < rows.end:
        records, following = await log.fetch(tp, at)
        for record in records:
            if record.offset < rows.end:
                rows.take(record, wanted)
        if following <= at:
            break
        on_progress(min(following, rows.end) - at)
        at = following
    return rows
