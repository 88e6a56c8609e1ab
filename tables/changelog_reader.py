"""Reads changelog partitions from where the local store is to their ends, in bulk.

Faust 0.15.3 passes changelog records one by one through its consumer, a queue and an event each: 17,000 a second and
no more. It loses some when a flow is suspended half way through a poll, clears the queue when it resumes, and waits
for ever where records it asks for are gone. So the changelog has a consumer of its own, without a group, that is read
to the end before Faust hears of it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.structs import TopicPartition
from faust.types import TP

from streams.errors import FatalError, StateError
from tables.changelog_rows import ChangelogRows
from tables.local_store import LocalStore

log = logging.getLogger(__name__)

FETCH_BYTES: Final = 8 * 1024 * 1024
"""Most that one fetch brings, all partitions together. Larger ones are slower: asyncio's streams move what is left of
a buffer at every read (32 MiB: 400 MB/s, 8 MiB: 850 MB/s)."""
PARTITION_FETCH_BYTES: Final = 1024 * 1024
MAX_POLL: Final = 2_000
"""Records taken in one go: about 10 ms of the loop, which heartbeats wait for."""
WAITING_BYTES: Final = 64 * 1024 * 1024
"""What waits in memory for the local store, all partitions together; many repeats of a row are then written once."""
POLL_MS: Final = 500
ASK_S: Final = 5.0
"""Deadline of one question to the broker, and the time without progress after which it is asked."""
RETRY_S: Final = 0.3
PROGRESS_S: Final = 5.0
"""Interval of the progress line."""


class Span(NamedTuple):
    """The part of a changelog partition that is to be read."""

    begin: int
    end: int


class ChangelogReader:
    """Brings the local store to where the changelog `topic` is."""

    def __init__(
        self, topic: str, store: LocalStore, connect: Callable[[], AIOKafkaConsumer], *, deadline_s: float
    ) -> None:
        self._topic = topic
        self._store = store
        self._connect = connect
        self._deadline_s = deadline_s

    async def recover(self, partitions: Iterable[int]) -> None:
        """Read these partitions to the ends that they have now. While Kafka is away this waits.

        Raises:
            StateError: the local store and the changelog do not belong together, or a record is no row.
            FatalError: the broker answers, and still nothing came for the deadline.
            LocalStoreError: the disk has trouble.
        """
        partitions = sorted(partitions)
        began = monotonic()
        offsets = await self._insist(partitions, follow=False)
        took = monotonic() - began
        log.info(
            "%s: %s offsets of %d partitions recovered in %.1f s", self._topic, f"{offsets:,}", len(partitions), took
        )

    async def follow(self, partitions: Iterable[int]) -> None:
        """Keep a copy of these partitions up to date until cancelled; raises what `recover` does."""
        await self._insist(sorted(partitions), follow=True)

    async def _insist(self, partitions: list[int], *, follow: bool) -> int:
        """Number of offsets read, once an attempt came through."""
        away = False
        while partitions:
            consumer = self._connect()
            try:
                await consumer.start()
                spans = await self._spans(consumer, partitions)
                return await self._read(consumer, spans, follow=follow)
            except OffsetOutOfRangeError as error:
                raise self._unlike(error.args[0]) from error
            except (KafkaError, TimeoutError) as error:
                # What was read is stored; the next attempt goes on from there.
                if not away:
                    log.warning("%s: Kafka does not answer (%r), trying until it does", self._topic, error)
                away = True
                await asyncio.sleep(RETRY_S)
            finally:
                await consumer.stop()
        return 0

    async def _spans(self, consumer: AIOKafkaConsumer, partitions: list[int]) -> dict[int, Span]:
        tps = [TopicPartition(self._topic, partition) for partition in partitions]
        async with asyncio.timeout(ASK_S):
            begins, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
        spans = {}
        for tp in tps:
            stored = self._store.persisted_offset(TP(*tp))
            # faust 0.15.3 asks for the record before the first one where records were deleted, and then waits for
            # ever; and it takes a store that is ahead of the log for one that is up to date.
            if stored is not None and not begins[tp] <= stored + 1 <= ends[tp]:
                raise self._unlike(f"{self._topic}[{tp.partition}] holds {begins[tp]} to {ends[tp]}, not {stored}")
            spans[tp.partition] = Span(begins[tp] if stored is None else stored + 1, ends[tp])
        return spans

    async def _read(self, consumer: AIOKafkaConsumer, spans: dict[int, Span], *, follow: bool) -> int:
        todo = {
            TopicPartition(self._topic, partition): span
            for partition, span in spans.items()
            if follow or span.begin < span.end
        }
        if not todo:
            return 0
        rows = {
            tp: ChangelogRows(self._store, tp.partition, empty=self._store.persisted_offset(TP(*tp)) is None)
            for tp in todo
        }
        consumer.assign(list(todo))
        for tp, span in todo.items():
            consumer.seek(tp, span.begin)
        progress = Progress(self._topic, sum(span.end - span.begin for span in todo.values()))
        log.info("%s: %s offsets of %d partitions to read", self._topic, f"{progress.total:,}", len(todo))
        writing = Writing(self._store)
        behind, asked_s = set(todo), 0.0
        try:
            while behind or follow:
                polled = await consumer.getmany(timeout_ms=POLL_MS, max_records=MAX_POLL)
                for tp, records in polled.items():
                    rows[tp].take(records)
                if sum(each.bytes for each in rows.values()) > WAITING_BYTES:
                    await writing.add(max(rows.values(), key=lambda each: each.bytes))
                positions = {tp: await consumer.position(tp) for tp in behind}
                behind -= {tp for tp, position in positions.items() if position >= todo[tp].end}
                if follow:
                    for each in rows.values() if not polled else ():
                        await writing.add(each)
                    continue
                left = sum(todo[tp].end - positions[tp] for tp in behind)
                idle_s = progress.at(progress.total - left, monotonic())
                if idle_s < asked_s:
                    asked_s = 0.0
                elif idle_s > asked_s + min(ASK_S, self._deadline_s):
                    asked_s = idle_s
                    await self._check_stall(consumer, min(behind), positions, idle_s)
        finally:
            for each in rows.values():
                await writing.add(each)
            await writing.done()
        return progress.total

    async def _check_stall(
        self, consumer: AIOKafkaConsumer, tp: TopicPartition, positions: dict[TopicPartition, int], idle_s: float
    ) -> None:
        """Give up after the deadline; while Kafka is away, which a restart does not mend, begin another attempt."""
        async with asyncio.timeout(ASK_S):
            ends = await consumer.end_offsets([tp])
        if idle_s <= self._deadline_s:
            return
        raise FatalError(
            f"recovery of {tp.topic}[{tp.partition}] stands at offset {positions[tp]}, the log ends at {ends[tp]}, and "
            f"nothing came for {idle_s:.0f} s although the broker answers: see to that partition (its leader's log), "
            "raise HAYATE_RECOVERY_DEADLINE_S if Kafka is only slow, or give the state up: faust -A app state reset"
        )

    def _unlike(self, found: object) -> StateError:
        return StateError(
            f"the local store is at another place than its changelog: {found}. The topic was made anew, or records "
            "were deleted from it: if on purpose, empty HAYATE_DATA_DIR; see what is there with: faust -A app state "
            "show; begin anew with: faust -A app state reset"
        )


class Progress:
    """The progress line of a recovery, every few seconds, and how long nothing has moved."""

    def __init__(self, topic: str, total: int) -> None:
        self.total = total
        self.moved = monotonic()
        self._topic = topic
        self._begun = self._said = self.moved
        self._done = 0

    def at(self, done: int, now: float) -> float:
        """Note that `done` offsets are read; seconds since something was."""
        if done != self._done:
            self._done, self.moved = done, now
        if now - self._said >= PROGRESS_S:
            self._said = now
            rate = done / (now - self._begun)
            eta = f"{(self.total - done) / rate:.0f} s to go" if rate else "nothing came yet"
            share = f"{done:,} of {self.total:,} offsets ({100 * done // self.total}%)"
            log.info("%s: recovered %s, %s a second, %s", self._topic, share, f"{rate:,.0f}", eta)
        return now - self.moved


class Writing:
    """Writes to the local store in a thread, beside the fetching, one cut at a time."""

    def __init__(self, store: LocalStore) -> None:
        self._store = store
        self._task: asyncio.Task[None] | None = None

    async def add(self, rows: ChangelogRows) -> None:
        """Write what was taken, once the write before has ended."""
        await self.done()
        cut = rows.cut()
        if cut is not None:
            write = asyncio.to_thread(self._store.write_rows, rows.partition, *cut)
            self._task = asyncio.create_task(write, name=f"recovered rows of partition {rows.partition}")

    async def done(self) -> None:
        """Wait for the last write, also when cancelled meanwhile: a thread cannot be stopped."""
        task, self._task = self._task, None
        if task is not None:
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError:
                await asyncio.wait([task])
                raise
