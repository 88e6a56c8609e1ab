"""The features agent's work: ticks of one partition in, feature records and rejects out, rows kept."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from aiokafka import ConsumerRecord

from agents.metrics import Metrics
from streams.columns import APPLIED, I32, LATE, SKIPPED, Folded, TickColumns
from streams.engine import RealTimeFeatureEngine
from streams.errors import RetryError
from streams.feature_records import FeatureEncoder
from streams.headers import header, integer
from streams.kafka.outlet import Record
from streams.kafka.tail import Checkpoint
from streams.records import SENT_NS
from streams.ticks import Decoded, Rejection, TickDecoder
from tables.feature_contract import FeatureStore, FeatureWrite
from tables.indicator_state import IndicatorStateTable, PartitionRows, Row, RowWrite, decode_row, encode_row

if TYPE_CHECKING:
    from agents.lane import Lane

SETTLE_S = 1.0


class FeatureTopics(NamedTuple):
    """Full names of the topics that this agent reads and writes."""

    ticks: str
    features: str
    rejected: str


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
    ) -> None:
        self._lateness_ms = lateness_ms
        self.streams = (topics.features, topics.rejected)
        self._topics = topics
        self._engine = engine
        self._decoder = decoder
        self._encoder = FeatureEncoder(engine.feature_set.outputs, engine.feature_set.version)
        self._table = table
        self._store = store
        self._metrics = metrics
        self._producer = producer
        self._block = engine.new_block()
        self._dirty: set[int] = set()
        self._rows: PartitionRows | None = None
        self._partition = -1
        self._id_prefix = ""

    def open(self, partition: int, checkpoint: Checkpoint | None) -> None:  # noqa: ARG002 - rows say where they are
        """Take the partition's rows from the table; each is loaded when its symbol is first seen."""
        self._rows = self._table.partition_rows(partition, self._producer)
        self._partition = partition
        self._id_prefix = f"{self._topics.ticks}-{partition}-"

    def process(self, lane: "Lane", records: Sequence[ConsumerRecord]) -> None:
        """Decode, fold, encode, emit."""
        self._metrics.batch_size.observe("features", [len(records)])
        decoded = self._decoder.decode(records)
        self._metrics.marks.inc(decoded.marks)
        rejected = decoded.rejected
        if decoded.symbols:
            rows = np.array([self._row(symbol) for symbol in decoded.symbols], np.int32)
            folded = self._engine.fold(self._block, rows, decoded.columns)
            if folded.verdict.any():
                decoded, folded, late = self._without_others(decoded, folded, rows)
                # In log order: the tail of the rejects names one source offset after the other.
                rejected = sorted([*rejected, *late], key=lambda rejection: rejection.record.offset)
            else:
                self._dirty.update(rows.tolist())
            self._emit_features(lane, decoded, folded)
        for rejection in rejected:
            self._emit_rejection(lane, rejection)

    def seen(self) -> int:
        """Ticks have no source of their own."""
        return -1

    async def settle(self) -> None:
        """Give Redis a moment: what a checkpoint covers is not put again after a crash. It must not hold up Kafka."""
        if self._store.up:
            with suppress(RetryError):  # counted and logged by the store
                await self._store.flush(SETTLE_S)

    def rows(self) -> RowWrite | None:
        """Copies of the rows that changed since the last call."""
        if not self._dirty or self._rows is None:
            return None
        block, layout = self._block, self._engine.feature_set.layout_hash
        rows = {
            str(block.symbols[i]): encode_row(
                Row(layout, int(block.last_offset[i]), int(block.last_ts_ns[i]), block.state[i])
            )
            for i in sorted(self._dirty)
        }
        self._dirty.clear()
        return self._rows.write(rows)

    def acknowledged(self, stream: str, notes: Sequence[Any]) -> None:
        """Count what Kafka has, and how long it took."""
        if stream == self._topics.features:
            self._metrics.features.inc(len(notes))
            self._metrics.observe_latency("feature", notes)
        else:
            for reason in notes:
                self._metrics.rejected.labels(reason).inc()

    async def close(self) -> None:
        """Write nothing more."""
        if self._rows is not None:
            await self._rows.close()

    def _row(self, symbol: str) -> int:
        index = self._block.find(symbol)
        if index >= 0:
            return index
        assert self._rows is not None, "open comes first"
        saved = self._rows.get(symbol)
        if saved is None:
            return self._block.add(symbol)
        feature_set = self._engine.feature_set
        row = decode_row(saved, symbol=symbol, layout=feature_set.layout_hash, width=feature_set.width)
        return self._block.add(symbol, offset=row.offset, ts_ns=row.ts_ns, state=row.state)

    def _without_others(self, decoded: Decoded, folded: Folded, rows: I32) -> tuple[Decoded, Folded, list[Rejection]]:
        """Only what was applied, and the late ticks as rejections; ticks known from before a restart are counted."""
        verdict = folded.verdict
        self._dirty.update(rows[verdict != SKIPPED].tolist())
        self._metrics.repeated.inc(int((verdict == SKIPPED).sum()))
        late = [
            Rejection(
                decoded.records[i],
                "late",
                f"ts_ns {decoded.columns.ts_ns[i]} is older than the last tick of {decoded.symbols[i]} by more than "
                f"HAYATE_LATENESS_MS={self._lateness_ms}; send ticks in time, or set HAYATE_LATE=fold",
            )
            for i in np.flatnonzero(verdict == LATE)
        ]
        kept = np.flatnonzero(verdict == APPLIED)
        columns = TickColumns(*(getattr(decoded.columns, name)[kept] for name in TickColumns.__slots__))
        applied = Decoded(
            columns, [decoded.symbols[i] for i in kept], [decoded.records[i] for i in kept], [], decoded.marks
        )
        return applied, Folded(folded.values[kept], folded.flags[kept], folded.price[kept], verdict[kept]), late

    def _emit_features(self, lane: "Lane", decoded: Decoded, folded: Folded) -> None:
        columns, symbols, records = decoded.columns, decoded.symbols, decoded.records
        self._metrics.ticks.inc(len(symbols))
        offsets, times = columns.offset.tolist(), columns.ts_ns.tolist()
        prices, values = folded.price.tolist(), folded.values.tolist()
        ids = [f"{self._id_prefix}{offset}" for offset in offsets]
        encoded = self._encoder.encode(ids, symbols, times, prices, values, folded.flags)
        writes, sent_times = [], []
        for i, (value, status, flags) in enumerate(encoded):
            record = records[i]
            sent = header(record.headers, SENT_NS)
            sent_ns = integer(sent)
            headers = [(SENT_NS, sent)] if sent is not None else []
            lane.emit(self._topics.features, offsets[i], Record(record.key, value, headers), sent_ns)
            sent_times.append(sent_ns)
            writes.append(
                FeatureWrite(
                    symbols[i], self._partition, offsets[i], times[i], ids[i], status, prices[i], values[i], flags
                )
            )
        # Also what is emitted already: a crash may have come between the broker's acknowledgement and the flush.
        self._store.put_many(writes, lambda: self._metrics.observe_latency("redis", sent_times))

    def _emit_rejection(self, lane: "Lane", rejection: Rejection) -> None:
        record, reason, detail = rejection
        headers = [
            ("reason", reason.encode()),
            ("detail", detail.encode()[:2_000]),
            ("topic", record.topic.encode()),
            ("partition", b"%d" % record.partition),
            ("offset", b"%d" % record.offset),
        ]
        lane.emit(self._topics.rejected, record.offset, Record(record.key, record.value, headers), reason)
