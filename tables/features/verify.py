"""Compares the view in Redis with the topic it is made from.

The topic is read from its end backwards, as a filling does it (tables/features/healing.py): the newest record of each
symbol, and a sample of the seconds whose history is alive. What differs is looked at again a few times, both sides
anew, for the stream goes on meanwhile; what then still differs is a difference.
"""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import msgspec
from aiokafka import ConsumerRecord
from aiokafka.structs import TopicPartition

from tables.features.healing import SLICE, STRETCH, Log, answered
from tables.features.keys import NS, second_text
from tables.features.past import PastDecoder, source_of
from tables.features.source import FeatureSource, StoredRecord

LOOKS: Final = 5
PAUSE_S: Final = 0.5
"""Between two looks: a flush and a checkpoint take less."""
MARGIN_S: Final = 5.0
"""What expires sooner is not looked for."""
AT_ONCE: Final = 100
"""Symbols of one read."""
SAID: Final = 3
"""Values that a difference names."""

Differences = dict[tuple[str, int | None], str]
"""Symbol and second (None for its newest record) -> what differs."""


@dataclass
class Verified:
    """What was compared."""

    symbols: int = 0
    seconds: int = 0
    records: int = 0
    """Read from the topic."""
    differences: list[str] = field(default_factory=list)


@dataclass
class _Reach:
    """How far one partition is read back."""

    tp: TopicPartition
    start: int
    """Nothing before it is alive."""
    recent: int
    """No history before it is."""
    upper: int
    """Everything from here on is read."""


@dataclass
class _Topic:
    """What was found in the topic, in all partitions, and up to where it was read."""

    newest: dict[str, tuple[int, ConsumerRecord]] = field(default_factory=dict)
    seconds: dict[tuple[str, int], tuple[int, ConsumerRecord]] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    records: int = 0


@dataclass(frozen=True)
class Verifier:
    """Of one feature set; `ttls` and `latest_ttl_s` as the store has them, `clock` gives Unix seconds."""

    log: Log
    source: FeatureSource
    decoder: PastDecoder
    topic: str
    names: Sequence[str]
    ttls: Mapping[str, int]
    latest_ttl_s: int
    clock: Callable[[], float]
    rng: Random

    async def verify(self, partitions: int, *, sample: int = 200, everything: bool = False) -> Verified:
        """Compare all symbols, and `sample` seconds of history.

        It ends where all symbols that Redis has were found in the topic; with `everything`, where the topic has nothing
        alive any more: then a symbol that Redis lacks, and that was quiet for long, is found missing, too.

        Raises:
            RetryError: Kafka or Redis does not answer.
        """
        topic, there = _Topic(), set(await self.source.symbols())
        reaches = [await self._reach(partition) for partition in range(partitions)]
        await self._read_back(reaches, topic, there, everything)
        seconds = [key for key, (_, record) in topic.seconds.items() if self._alive(record, self._longest)]
        sampled = self.rng.sample(seconds, min(sample, len(seconds)))
        symbols = sorted(topic.newest.keys() | there)
        differences: list[str] = []
        compared = len(sampled)
        for look in range(LOOKS):
            if look:
                await asyncio.sleep(PAUSE_S)
                await self._read_on(topic)
            found = await self._newest(symbols, topic) | await self._seconds(sampled, topic)
            symbols = [symbol for symbol, second in found if second is None]
            sampled = [(symbol, second) for symbol, second in found if second is not None]
            differences = list(found.values())
            if not found:
                break
        return Verified(len(topic.newest.keys() | there), compared, topic.records, differences)

    @property
    def _longest(self) -> int:
        return max(self.ttls.values(), default=0)

    async def _reach(self, partition: int) -> _Reach:
        tp, now_ms = TopicPartition(self.topic, partition), int(self.clock() * 1000)
        begin, end = await answered(self.log.bounds(tp), tp)
        lives = (self.latest_ttl_s, self._longest)
        found = [await answered(self.log.offset_at(tp, max(0, now_ms - life * 1000)), tp) for life in lives]
        oldest, recent = (end if offset is None else offset for offset in found)
        return _Reach(tp, start=max(begin, oldest), recent=recent, upper=end)

    async def _read_back(self, reaches: list[_Reach], topic: _Topic, wanted: set[str], everything: bool) -> None:
        """All partitions in turn, stretch after stretch; behind the history until `wanted` are found."""
        topic.ends = {reach.tp.partition: reach.upper for reach in reaches}
        while reaches:
            found = not everything and wanted <= topic.newest.keys()
            reaches = [r for r in reaches if r.upper > r.start and not (found and r.upper <= r.recent)]
            for reach in reaches:
                upper, reach.upper = reach.upper, max(reach.start, reach.upper - STRETCH)
                await self._read(reach.tp, reach.upper, upper, reach.recent, topic)

    async def _read_on(self, topic: _Topic) -> None:
        """What has come since."""
        for partition, end in topic.ends.items():
            tp = TopicPartition(self.topic, partition)
            _, topic.ends[partition] = await answered(self.log.bounds(tp), tp)
            await self._read(tp, end, topic.ends[partition], 0, topic)

    async def _read(self, tp: TopicPartition, at: int, upper: int, recent: int, topic: _Topic) -> None:
        while at < upper:
            records, at = await answered(self.log.fetch(tp, at), tp)
            for first in range(0, len(records), SLICE):
                part = [record for record in records[first : first + SLICE] if record.offset < upper]
                topic.records += len(part)
                for record, head in self.decoder.heads(part):
                    place = (source_of(record), record)
                    _keep(topic.newest, head.symbol, place)
                    if record.offset >= recent:
                        _keep(topic.seconds, (head.symbol, head.ts_ns // NS), place)
                await asyncio.sleep(0)

    def _alive(self, record: ConsumerRecord, life_s: float) -> bool:
        return bool(record.timestamp / 1000 + life_s > self.clock() + MARGIN_S)

    async def _newest(self, symbols: Sequence[str], topic: _Topic) -> Differences:
        found: Differences = {}
        for first in range(0, len(symbols), AT_ONCE):
            part = symbols[first : first + AT_ONCE]
            for symbol, stored in zip(part, await self.source.newest(part, self.names), strict=True):
                if symbol not in topic.newest:
                    if stored is not None:
                        found[symbol, None] = f"{symbol}: {stored.note.id} is in Redis, the topic has no record of it"
                    continue
                _, record = topic.newest[symbol]
                if self._alive(record, self.latest_ttl_s) and (said := self._compare(record, stored, self.names)):
                    found[symbol, None] = f"{symbol}: {said}"
        return found

    async def _seconds(self, sampled: Sequence[tuple[str, int]], topic: _Topic) -> Differences:
        found: Differences = {}
        for symbol, second in sampled:
            _, record = topic.seconds[symbol, second]
            names = [name for name, life in self.ttls.items() if self._alive(record, life)]
            if names:
                at = await self.source.at(symbol, names, range(second, second + 1))
                if said := self._compare(record, None if at is None else at[1], names):
                    found[symbol, second] = f"{symbol} at {second_text(second)}: {said}"
        return found

    def _compare(self, record: ConsumerRecord, stored: StoredRecord | None, names: Sequence[str]) -> str:
        """What of the `names` in Redis is not what the topic has; empty where all is."""
        place = f"{record.topic}[{record.partition}]@{record.offset}"
        wanted = self.decoder.write(record)
        if wanted is None:
            return ""
        if stored is None:
            return f"nothing in Redis, {wanted.id} in {place}"
        note = stored.note
        if note.id != wanted.id:
            return f"{note.id} in Redis, {wanted.id} in {place}"
        values = dict(zip(self.names, wanted.values, strict=True))
        held = dict(zip(stored.names, stored.values, strict=True))
        flags = {name: flag for name, flag in msgspec.json.decode(wanted.flags or b"{}").items() if name in names}
        price = wanted.price if wanted.price is not None and math.isfinite(wanted.price) else None
        pairs: list[tuple[str, Any, Any]] = [
            ("ts_ns", note.ts_ns, wanted.ts_ns),
            ("status", note.status, wanted.status),
            ("price", note.price, price),
            ("flags", {name: flag for name, flag in note.flags.items() if name in names}, flags),
            *((name, held.get(name), values[name] if math.isfinite(values[name]) else None) for name in names),
        ]
        wrong = [f"{name} is {a!r}, the topic has {b!r}" for name, a, b in pairs if repr(a) != repr(b)]
        more = f", and {len(wrong) - SAID} more" if len(wrong) > SAID else ""
        return f"{'; '.join(wrong[:SAID])}{more} ({place})" if wrong else ""


def _keep(kept: dict[Any, tuple[int, ConsumerRecord]], key: Any, place: tuple[int, ConsumerRecord]) -> None:
    """Of one partition the newest source wins, of two the later record."""
    if key not in kept or (
        kept[key][0] < place[0]
        if kept[key][1].partition == place[1].partition
        else kept[key][1].timestamp < place[1].timestamp
    ):
        kept[key] = place
