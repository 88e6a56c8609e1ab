"""Fills the view of one partition of `features` from the topic.

It is read from its end backwards, stretch after stretch: what is asked for most, the newest record of each symbol, is
there after the first of them, and what was quiet for longer comes later. The store takes records in any order and keeps
what is newer (rule 5 of tables/features/contract.py), so the stream goes on writing meanwhile. Of each stretch only the
newest record of every (symbol, second) is written, and where it is older than any history lives, only that of symbols
that were not seen yet.

It ends at the watermark, or where nothing can be alive any more, or, behind the history, when every symbol that there
is was seen. Only then does the watermark move: what was interrupted is done again.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from streams.errors import RetryError
from tables.features.contract import FeatureFiller, PastWrite
from tables.features.keys import NS
from tables.features.past import PastDecoder, source_of

STRETCH: Final = 4_000
"""Records of one stretch: some 10 MB of the default set."""
SLICE: Final = 256
"""Records that are looked at in one go: about a millisecond of the loop."""
CHUNK: Final = 64
"""Records that are decoded whole in one go."""
ANSWER_S: Final = 15.0
"""Deadline of one question to the broker."""
NO_SECOND: Final = -(2**63)
"""In the place of a second, where none is kept."""

T = TypeVar("T")
Wanted = dict[tuple[str, int], tuple[int, ConsumerRecord]]
"""Symbol and second -> source offset and record."""


class Log(Protocol):
    """What is asked of the broker (streams.kafka.log_reader.LogReader)."""

    async def bounds(self, tp: TopicPartition) -> tuple[int, int]:
        """Offset of the first record that the log holds, and the one behind its last."""

    async def fetch(self, tp: TopicPartition, offset: int) -> tuple[list[ConsumerRecord], int]:
        """Some records from `offset` on, and where to go on."""

    async def offset_at(self, tp: TopicPartition, time_ms: int) -> int | None:
        """Offset of the first record written at that time (ms since the epoch) or later; None where there is none."""


@dataclass
class Healed:
    """How far one filling has come."""

    records: int = 0
    """Read from the topic."""
    changed: int = 0
    """Writes that changed something in the store."""
    start: int = 0
    end: int = 0
    """The range in `features` that is to be read."""
    reached: int = 0
    """Everything from here to `end` is done."""


@dataclass(frozen=True)
class Healer:
    """Fills partitions of one feature set's view.

    `ttl_s` and `latest_ttl_s`: the longest life of a history key, and that of the newest record, seconds; `clock` gives
    Unix seconds, by which the broker's stamps are judged.
    """

    log: Log
    filler: FeatureFiller
    decoder: PastDecoder
    topic: str
    ttl_s: int
    latest_ttl_s: int
    clock: Callable[[], float]

    async def heal(
        self,
        partition: int,
        since: int | None,
        *,
        symbols: Callable[[], Awaitable[Collection[str]]] | None = None,
        on_progress: Callable[[Healed], object] = lambda _: None,
    ) -> Healed:
        """Fill from offset `since` on, or with all that can be alive where that is None.

        `symbols` gives all that there are, for an earlier end.

        Raises:
            RetryError: Kafka or the store does not answer; begin again.
        """
        tp = TopicPartition(self.topic, partition)
        begin, end = await answered(self.log.bounds(tp), tp)
        oldest, history = await answered(self._alive(tp, end), tp)
        start = max(begin, oldest, 0 if since is None or since > end else since)
        done = Healed(start=min(start, end), end=end, reached=end)
        seen: set[str] = set()
        everyone: Collection[str] | None = None
        while done.reached > done.start:
            if done.reached <= history and symbols is not None:
                everyone = await symbols() if everyone is None else everyone
                if seen.issuperset(everyone):
                    break
            upper, done.reached = done.reached, max(done.start, done.reached - STRETCH)
            await self._stretch(tp, done.reached, upper, history, seen, done)
            on_progress(done)
        done.reached = done.start
        return done

    async def _alive(self, tp: TopicPartition, end: int) -> tuple[int, int]:
        """Offsets of the first record whose newest values, and of the first whose history, may be alive."""
        now_ms = int(self.clock() * 1000)
        lives = (max(self.latest_ttl_s, self.ttl_s), self.ttl_s)
        found = await asyncio.gather(*(self.log.offset_at(tp, max(0, now_ms - life * 1000)) for life in lives))
        oldest, history = (end if offset is None else offset for offset in found)
        return oldest, history

    async def _stretch(
        self, tp: TopicPartition, lower: int, upper: int, history: int, seen: set[str], done: Healed
    ) -> None:
        """Read [lower, upper), and write what is wanted of it."""
        wanted: Wanted = {}
        at = lower
        while at < upper:
            records, at = await answered(self.log.fetch(tp, at), tp)
            for first in range(0, len(records), SLICE):
                part = [record for record in records[first : first + SLICE] if record.offset < upper]
                done.records += len(part)
                self._choose(part, history, seen, wanted)
                await asyncio.sleep(0)
        chosen = [record for _, record in sorted(wanted.values(), key=lambda item: item[0], reverse=True)]
        for first in range(0, len(chosen), CHUNK):
            done.changed += await self._write(chosen[first : first + CHUNK])
        seen.update(symbol for symbol, _ in wanted)

    def _choose(self, records: list[ConsumerRecord], history: int, seen: set[str], wanted: Wanted) -> None:
        """Keep the newest record of each symbol and second, or of each symbol where it is too old for any history."""
        recent = [record for record in records if record.offset >= history]
        # Before anything is decoded: behind the history most records are of symbols that have newer ones.
        old = [r for r in records if r.offset < history and (r.key or b"").decode(errors="replace") not in seen]
        for part, has_history in ((recent, True), (old, False)):
            for record, head in self.decoder.heads(part):
                key = (head.symbol, head.ts_ns // NS if has_history else NO_SECOND)
                # By source, not by place: a worker that lost its partitions without knowing may write copies late.
                source = source_of(record)
                if key not in wanted or wanted[key][0] < source:
                    wanted[key] = (source, record)

    async def _write(self, records: list[ConsumerRecord]) -> int:
        now = self.clock()
        writes = [
            PastWrite(write, max(0, math.ceil(now - record.timestamp / 1000)))
            for record in records
            if (write := self.decoder.write(record)) is not None
        ]
        return await self.filler.fill(writes)


async def answered(question: Awaitable[T], tp: TopicPartition) -> T:
    """The answer of the partition's leader; RetryError without one in time."""
    try:
        async with asyncio.timeout(ANSWER_S):
            return await question
    except TimeoutError:
        raise RetryError(f"{tp.topic}[{tp.partition}]: its leader did not answer within {ANSWER_S:g} s") from None
    except (KafkaError, OSError) as error:
        raise RetryError(f"{tp.topic}[{tp.partition}]: {error!r}") from error
