"""The features agent's work: ticks of one partition in; feature records, bars and rejects out; rows kept."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from aiokafka import ConsumerRecord

from agents.metrics import Metrics
from agents.working_rows import Part, WorkingRows
from streams.bars import BarEncoder
from streams.columns import APPLIED, LATE, MARKED, SKIPPED, WARM, Folded
from streams.engine import RealTimeFeatureEngine
from streams.errors import RetryError
from streams.feature_records import FeatureEncoder
from streams.headers import header, integer
from streams.kafka.checkpoint import Checkpoint
from streams.kafka.outlet import Record
from streams.kafka.rejection import POISON, rejected
from streams.quality.reasons import REASONS, detail_of
from streams.records import SENT_NS
from streams.ticks import Rejection, TickDecoder
from tables.features.contract import FeatureStore, FeatureWrite
from tables.features.pending import newest_of_seconds
from tables.indicator_state import IndicatorStateTable, RowWrite

if TYPE_CHECKING:
    from agents.lane import Lane

SETTLE_S = 20.0
"""Redis that hangs counts as away much sooner; one that is merely slow is waited for, for a crash after the commit
would leave it with older records than the topic has."""


class FeatureTopics(NamedTuple):
    """Full names of the topics that this agent reads and writes."""

    ticks: str
    features: str
    rejected: str
    bars: str


class FeaturesJob:
    """One partition's fold (agents.job.Job)."""

    def __init__(
        self,
        topics: FeatureTopics,
        engine: RealTimeFeatureEngine,
        decoder: TickDecoder,
        table: IndicatorStateTable,
        store: FeatureStore,
        metrics: Metrics,
        producer: Callable[[], Any],
        *,
        lateness_ms: int,
        evict_after_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        settled: Callable[[int, int | None], Awaitable[None]] | None = None,
    ) -> None:
        """`evict_after_s` and `clock` as WorkingRows has them; `settled` hears of partition and end of the features
        that a checkpoint covers, when Redis has them."""
        feature_set = engine.feature_set
        self._lateness_ms = lateness_ms
        self._filters = engine.filters
        self.streams = (topics.features, topics.rejected, *([topics.bars] if feature_set.publishes_bars else []))
        self._topics = topics
        self._decoder = decoder
        self._encoder = FeatureEncoder(feature_set.outputs, feature_set.version)
        self._bars = BarEncoder(feature_set.intervals, feature_set.version)
        self._table = table
        self._store = store
        self._metrics = metrics
        self._producer = producer
        self._working = WorkingRows(engine, metrics, evict_after_s=evict_after_s, clock=clock)
        self._settled = settled or _unheard
        self._partition = -1
        self._id_prefix = ""

    def open(self, partition: int, checkpoint: Checkpoint | None) -> None:  # noqa: ARG002 - rows say where they are
        """Take up the partition's rows."""
        self._working.open(self._table.partition_rows(partition, self._producer))
        self._partition = partition
        self._id_prefix = f"{self._topics.ticks}-{partition}-"

    def process(self, lane: "Lane", records: Sequence[ConsumerRecord]) -> None:
        """Decode, fold, encode, emit."""
        self._metrics.batch_size.observe("features", [len(records)])
        decoded = self._decoder.decode(records)
        self._metrics.marks.inc(decoded.marks)
        rejections = decoded.rejected
        writes: list[FeatureWrite] = []
        sent_times: list[int] = []
        for part in self._working.fold(decoded):
            self._emit_bars(lane, part)
            served = part
            if part.folded.verdict.any():
                served, others = self._without_others(part)
                # In log order: the tail of the rejects names one source offset after the other.
                rejections = sorted([*rejections, *others], key=lambda rejection: rejection.record.offset)
            self._emit_features(lane, served, writes, sent_times)
        for rejection in rejections:
            self._emit_rejection(lane, rejection)
        # Last, for nothing of a batch that raises may be seen anywhere. Also what is emitted already: a crash may have
        # come between the broker's acknowledgement and the flush.
        if writes:
            self._store.put_many(writes, lambda: self._metrics.observe_latency("redis", sent_times))

    def reject(self, lane: "Lane", record: ConsumerRecord, detail: str) -> None:
        """To `ticks-rejected`; no row knows of it, as if it had never been in the log."""
        self._emit_rejection(lane, Rejection(record, POISON.decode(), detail))

    def seen(self) -> int:
        """Ticks have no source of their own."""
        return -1

    async def settle(self, ends: Mapping[str, int]) -> None:
        """Wait until Redis has everything, unless it is away: what a checkpoint covers is not put again after a crash.
        Only the checkpoint waits, not the stream."""
        if self._store.up:
            with suppress(RetryError):  # counted and logged by the store
                await self._store.flush(SETTLE_S)
                await self._settled(self._partition, ends.get(self._topics.features))

    def rows(self) -> RowWrite | None:
        """Copies of the rows that changed since the last call."""
        return self._working.rows()

    def stored(self) -> None:
        """Let symbols go that had no tick for long."""
        self._working.let_go()

    def acknowledged(self, stream: str, notes: Sequence[Any]) -> None:
        """Count what Kafka has, and how long it took."""
        if stream == self._topics.features:
            self._metrics.features.inc(len(notes))
            self._metrics.observe_latency("feature", notes)
        elif stream == self._topics.bars:
            self._metrics.bars.inc(len(notes))
        else:
            for reason in notes:
                self._metrics.rejected.labels(reason).inc()

    async def close(self) -> None:
        """Write nothing more."""
        await self._working.close()

    def _without_others(self, part: Part) -> tuple[Part, list[Rejection]]:
        """Only what was applied, and the late ticks and what filters found as rejections. What is known from before a
        restart is counted, and so is the warm-up; of marks nothing is left."""
        verdict, columns = part.folded.verdict, part.columns
        self._metrics.repeated.inc(int((verdict == SKIPPED).sum()) if part.records else 0)
        self._metrics.warmed.inc(int(((verdict == MARKED) & (columns.kind == WARM)).sum()))
        others = [
            Rejection(part.records[i], REASONS[judged], self._detail(part, i, judged))
            for i, judged in enumerate(verdict.tolist())
            if judged in REASONS
        ]
        kept = np.flatnonzero(verdict == APPLIED)
        folded = Folded(part.folded.values[kept], part.folded.flags[kept], part.folded.price[kept], verdict[kept])
        symbols, records = [part.symbols[i] for i in kept.tolist()], [part.records[i] for i in kept.tolist()]
        return Part(columns.take(kept), symbols, records, folded), others

    def _detail(self, part: Part, i: int, verdict: int) -> str:
        """Why a tick was rejected, for a person."""
        columns, symbol = part.columns, part.symbols[i]
        if verdict == LATE:
            return (
                f"ts_ns {columns.ts_ns[i]} is older than the last tick of {symbol} by more than "
                f"HAYATE_LATENESS_MS={self._lateness_ms}; send ticks in time, or set HAYATE_LATE=fold"
            )
        return detail_of(verdict, columns, i, self._filters.of(symbol), float(part.folded.price[i]))

    def _emit_features(self, lane: "Lane", part: Part, writes: list[FeatureWrite], sent_times: list[int]) -> None:
        """Emit a record for each tick; adds what goes to the store, and when each tick was sent."""
        columns, symbols, folded = part.columns, part.symbols, part.folded
        self._metrics.ticks.inc(len(symbols))
        offsets, times = columns.offset.tolist(), columns.ts_ns.tolist()
        prices = folded.price.tolist()
        ids = [f"{self._id_prefix}{offset}" for offset in offsets]
        # Row by row: the numbers of thousands at once would not stay in the processor's cache.
        values = (row.tolist() for row in folded.values)
        encoded = self._encoder.encode(ids, symbols, times, prices, values, folded.flags)
        for i, (value, _, _) in enumerate(encoded):
            record = part.records[i]
            sent = header(record.headers, SENT_NS)
            sent_ns = integer(sent)
            headers = [(SENT_NS, sent)] if sent is not None else []
            lane.emit(self._topics.features, offsets[i], Record(record.key, value, headers), sent_ns)
            sent_times.append(sent_ns)
        for i in newest_of_seconds(symbols, times):
            _, status, flags = encoded[i]
            numbers = folded.values[i].tolist()
            writes.append(
                FeatureWrite(
                    symbols[i], self._partition, offsets[i], times[i], ids[i], status, prices[i], numbers, flags
                )
            )

    def _emit_bars(self, lane: "Lane", part: Part) -> None:
        """Emit the bars that closed, but for those that a tick of the warm-up closed."""
        if not len(part.folded.bars):
            return
        offsets, kinds = part.columns.offset.tolist(), part.columns.kind.tolist()
        for bar in self._bars.encode(part.folded.bars, self._working.symbols):
            if kinds[bar.tick] != WARM:
                record = Record(bar.symbol.encode(), bar.value)
                lane.emit(self._topics.bars, offsets[bar.tick], record, part=bar.id)

    def _emit_rejection(self, lane: "Lane", rejection: Rejection) -> None:
        record, reason, detail = rejection
        lane.emit(self._topics.rejected, record.offset, rejected(record, reason, detail), reason)


async def _unheard(partition: int, end: int | None) -> None:
    """Nobody keeps a watermark."""
