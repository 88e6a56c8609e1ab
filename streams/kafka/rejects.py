"""The records of `ticks-rejected` as a person asks for them: some of them, what they say, how many of which kind."""

import heapq
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from aiokafka import ConsumerRecord
from aiokafka.structs import TopicPartition

from streams.headers import header, integer
from streams.kafka.rejection import ORIGINAL, REASON
from streams.quality.rules import fits

NO_KEY: Final = "(no key)"
"""Symbol of a record without one."""


class Log(Protocol):
    """What is asked of the brokers (streams.kafka.log_reader.LogReader)."""

    async def bounds(self, tp: TopicPartition) -> tuple[int, int]:
        """Offset of the first record that the log holds, and the one behind its last."""

    async def offset_at(self, tp: TopicPartition, time_ms: int) -> int | None:
        """Offset of the first record of that time or later; None without one."""

    async def fetch(self, tp: TopicPartition, offset: int) -> tuple[list[ConsumerRecord], int]:
        """Some records from `offset` on, and where to go on."""


class Rejected(NamedTuple):
    """One record of `ticks-rejected`, read."""

    partition: int
    offset: int
    ts_ms: int
    """When it was rejected, by the worker's clock."""
    reason: str
    detail: str
    topic: str
    """Where the original is, with the next two; -1 where the headers do not say it."""
    source_partition: int
    source_offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    """Those of the original."""

    @classmethod
    def of(cls, record: ConsumerRecord) -> "Rejected":
        """Read one; what a header does not say is empty, or -1."""
        return cls(
            record.partition,
            record.offset,
            record.timestamp,
            reason=_text(header(record.headers, REASON)),
            detail=_text(header(record.headers, "detail")),
            topic=_text(header(record.headers, "topic")),
            source_partition=_place(header(record.headers, "partition")),
            source_offset=_place(header(record.headers, "offset")),
            key=record.key,
            value=record.value,
            headers=tuple(
                (name.removeprefix(ORIGINAL), value) for name, value in record.headers if name.startswith(ORIGINAL)
            ),
        )

    @property
    def symbol(self) -> str:
        """Its key."""
        return NO_KEY if self.key is None else _text(self.key)

    def text(self, most: int) -> str:
        """Its value on one line, at most so many characters."""
        if self.value is None:
            return "(null)"
        text = _text(self.value[: 4 * most])
        shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
        return shown if len(shown) <= most else f"{shown[: most - 3]}..."


def _place(value: bytes | None) -> int:
    number = integer(value)
    return number if number or value == b"0" else -1


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode(errors="backslashreplace")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which of them; empty and None ask for nothing."""

    reasons: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    """Symbols, or patterns with `*`, `?` or `[...]`."""
    since_ms: int | None = None
    """Rejected then or later, by the worker's clock."""
    until_ms: int | None = None
    """Rejected before then."""

    def takes(self, one: Rejected) -> bool:
        """Whether it is one of them."""
        return (
            (not self.reasons or one.reason in self.reasons)
            and (not self.symbols or any(fits(one.symbol, pattern) for pattern in self.symbols))
            and (self.since_ms is None or one.ts_ms >= self.since_ms)
            and (self.until_ms is None or one.ts_ms < self.until_ms)
        )


@dataclass
class Found:
    """What a reading gave."""

    read: int = 0
    """Records looked at."""
    total: int = 0
    """Records selected."""
    reasons: Counter[str] = field(default_factory=Counter)
    symbols: Counter[str] = field(default_factory=Counter)
    records: list[Rejected] = field(default_factory=list)
    """Of those the newest, at most as many as asked for; oldest first."""


async def find(
    log: Log,
    topic: str,
    partitions: int,
    selection: Selection,
    *,
    limit: int,
    on_progress: Callable[[int], object] = lambda _: None,
) -> Found:
    """Read what `topic` holds now; keeps `limit` records. `on_progress`: gets the number of records read so far."""
    found = Found()
    newest: list[tuple[tuple[int, int, int], Rejected]] = []
    for partition in range(partitions):
        async for record in records_of(log, TopicPartition(topic, partition), since_ms=selection.since_ms):
            found.read += 1
            one = Rejected.of(record)
            if selection.takes(one):
                found.total += 1
                found.reasons[one.reason] += 1
                found.symbols[one.symbol] += 1
                entry = ((one.ts_ms, partition, one.offset), one)
                if len(newest) < limit:
                    heapq.heappush(newest, entry)
                elif newest and entry[0] > newest[0][0]:
                    heapq.heapreplace(newest, entry)
        on_progress(found.read)
    found.records = [one for _, one in sorted(newest, key=lambda entry: entry[0])]
    return found


async def records_of(
    log: Log, tp: TopicPartition, *, since_ms: int | None = None, begin: int = 0
) -> AsyncIterator[ConsumerRecord]:
    """Every record that a partition holds now, from an offset or a time on."""
    first, end = await log.bounds(tp)
    at = max(first, begin)
    if since_ms is not None:
        found = await log.offset_at(tp, since_ms)
        at = end if found is None else max(at, found)
    while at < end:
        records, following = await log.fetch(tp, at)
        for record in records:
            if record.offset < end:
                yield record
        if following <= at:
            return
        at = following
