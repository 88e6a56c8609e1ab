"""Reads one partition for the audit: ticks, features and rejects, none further ahead of the others than need be."""

from collections.abc import Callable
from typing import Final, Protocol

from aiokafka import ConsumerRecord
from aiokafka.structs import TopicPartition

from streams.audit.partition_audit import PartitionAudit
from streams.headers import header, integer
from streams.records import SOURCE

MOST_WAITING: Final = 20_000
"""Ticks that wait for their records before no more are read."""
NOTHING: Final = 2**63 - 1
"""Offset that no tick has."""
GRACE_S: Final = 5.0
"""How long after a later record a reject may still come."""


class Log(Protocol):
    """What is asked of the brokers (streams.kafka.log_reader.LogReader)."""

    async def bounds(self, tp: TopicPartition) -> tuple[int, int]:
        """Offset of the first record that the log holds, and the one behind its last."""

    async def fetch(self, tp: TopicPartition, offset: int) -> tuple[list[ConsumerRecord], int]:
        """Some records from `offset` on, and where to go on."""


class PartitionFeed:
    """The three logs of one partition, in step."""

    def __init__(
        self, log: Log, audit: PartitionAudit, ticks: TopicPartition, features: TopicPartition, rejected: TopicPartition
    ) -> None:
        self._log = log
        self.audit = audit
        self._ticks, self._features, self._rejected = ticks, features, rejected
        self._at = dict.fromkeys((ticks, features, rejected), 0)
        self._blocked: tuple[int, float] | None = None
        """The tick that neither a record nor a reject has come for, and since when."""

    async def open(self, source: int) -> None:
        """Begin behind the tick at `source`, -1 for the first one that there is."""
        begin, _ = await self._log.bounds(self._ticks)
        self._at[self._ticks] = max(begin, source + 1)
        for tp in (self._features, self._rejected):
            self._at[tp] = await first_after(self._log, tp, source)
        self.audit.served_from = await first_source(self._log, self._features)
        self.audit.features_upto = self.audit.rejected_upto = self.audit.passed = max(source, begin - 1)

    async def step(self, until: int | None, now: Callable[[], float]) -> bool:
        """Read a little of each and compare; whether anything was read. `until`: no tick from that offset on."""
        moved = False
        if self.audit.waiting < MOST_WAITING and (until is None or self._at[self._ticks] < until):
            records = await self._read(self._ticks)
            moved |= bool(records)
            self.audit.put_ticks([r for r in records if until is None or r.offset < until])
        if self.audit.features_upto <= self.audit.ticks_upto:
            records = await self._read(self._features)
            moved |= bool(records)
            self.audit.put_features(records)
        if self.audit.rejected_upto <= self.audit.ticks_upto:
            records = await self._read(self._rejected)
            moved |= bool(records)
            self.audit.put_rejected(records)
        self.audit.advance(final=False)
        if not moved and self._waited(now()):
            self.audit.advance(final=True)
        return moved

    def done(self, until: int) -> bool:
        """Whether every tick before `until` was held against what was served."""
        return self._at[self._ticks] >= until and not self.audit.waiting

    @property
    def position(self) -> int:
        """Offset of the next tick to read."""
        return self._at[self._ticks]

    def _waited(self, now: float) -> bool:
        head = self.audit.head
        if head is None or self.audit.features_upto <= head:
            self._blocked = None
        elif self._blocked is None or self._blocked[0] != head:
            self._blocked = (head, now)
        return self._blocked is not None and now - self._blocked[1] >= GRACE_S

    async def _read(self, tp: TopicPartition) -> list[ConsumerRecord]:
        records, self._at[tp] = await self._log.fetch(tp, self._at[tp])
        return records


async def first_source(log: Log, tp: TopicPartition) -> int:
    """Source of the first output record that the log still has: 0 where it has all that ever were, `NOTHING` where all
    are gone."""
    begin, end = await log.bounds(tp)
    if begin == 0:
        return 0
    records = (await log.fetch(tp, begin))[0] if begin < end else []
    return integer(header(records[0].headers, SOURCE)) if records else NOTHING


async def first_after(log: Log, tp: TopicPartition, source: int) -> int:
    """Offset of the first output record whose source is behind `source`; sources ascend."""
    begin, end = await log.bounds(tp)
    low, high = begin, end
    while low < high and source >= 0:
        middle = (low + high) // 2
        records, _ = await log.fetch(tp, middle)
        if records and integer(header(records[0].headers, SOURCE)) <= source:
            low = min(max(middle, records[0].offset) + 1, high)
        else:
            high = middle
    return low
