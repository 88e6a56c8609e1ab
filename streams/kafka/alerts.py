"""The records of `alerts` as a person asks for them: some of them, the newest, how many of which kind."""

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
from aiokafka import ConsumerRecord
from aiokafka.structs import TopicPartition

from streams.kafka.rejects import Log
from streams.quality.rules import fits
from streams.records import Alert

_decoder = msgspec.json.Decoder(Alert)


class Told(NamedTuple):
    """One record of `alerts`, read."""

    partition: int
    offset: int
    ts_ms: int
    """When it was written, by the broker's clock."""
    alert: Alert


@dataclass(frozen=True, slots=True)
class AlertSelection:
    """Which of them; empty and None ask for nothing."""

    kinds: tuple[str, ...] = ()
    """Kinds, or patterns as `audit-*`."""
    symbols: tuple[str, ...] = ()
    """Symbols, or patterns."""
    since_ms: int | None = None
    """Written then or later, by the broker's clock."""

    def takes(self, told: Told) -> bool:
        """Whether it is one of them."""
        return (
            (not self.kinds or any(fits(told.alert.kind, pattern) for pattern in self.kinds))
            and (not self.symbols or any(fits(told.alert.symbol, pattern) for pattern in self.symbols))
            and (self.since_ms is None or told.ts_ms >= self.since_ms)
        )


@dataclass
class FoundAlerts:
    """What a reading gave."""

    total: int = 0
    """Alerts that were asked for, each id once."""
    kinds: Counter[str] = field(default_factory=Counter)
    symbols: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    alerts: list[Told] = field(default_factory=list)
    """The newest of them, oldest first."""
    ends: dict[int, int] = field(default_factory=dict)
    """Partition -> offset behind what was read."""


def told(record: ConsumerRecord) -> Told | None:
    """The alert of a record; None where it is none."""
    try:
        alert = _decoder.decode(record.value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return Told(record.partition, record.offset, record.timestamp, alert)


async def find_alerts(
    log: Log,
    topic: str,
    partitions: int,
    selection: AlertSelection,
    *,
    limit: int,
    after: dict[int, int] | None = None,
) -> FoundAlerts:
    """Read what the log has now of a selection, the newest `limit` of it whole.

    `after`: partition -> offset to begin at; without it the beginning, or the time that the selection asks for.
    """
    found = FoundAlerts()
    newest: list[tuple[int, int, int, Told]] = []
    ids: set[str] = set()
    for partition in range(partitions):
        tp = TopicPartition(topic, partition)
        begin, end = await log.bounds(tp)
        at = await _start(log, tp, selection, begin, end) if after is None else max(begin, after.get(partition, begin))
        while at < end:
            records, at = await log.fetch(tp, at)
            for record in records:
                one = told(record)
                if one is None:
                    found.unreadable += 1
                elif selection.takes(one) and one.alert.id not in ids:
                    ids.add(one.alert.id)
                    found.total += 1
                    found.kinds[one.alert.kind] += 1
                    found.symbols[one.alert.symbol] += 1
                    heapq.heappush(newest, (one.ts_ms, partition, one.offset, one))
                    if len(newest) > limit:
                        heapq.heappop(newest)
        found.ends[partition] = max(at, begin)
    found.alerts = [one for *_, one in sorted(newest)]
    return found


async def _start(log: Log, tp: TopicPartition, selection: AlertSelection, begin: int, end: int) -> int:
    if selection.since_ms is None:
        return begin
    at = await log.offset_at(tp, selection.since_ms)
    return end if at is None else max(begin, at)
