"""The ensemble agent's work: feature records of one partition in, signals out."""

import logging
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from aiokafka import ConsumerRecord

from agents.alerting.watch import AlertWatch, encode_alert, part_of
from agents.decision.answers import Answer
from agents.decision.decisions import ACTIONS
from agents.decision.feature_records import FeatureColumns, FeatureRecordDecoder
from agents.decision.signals import encode_signals
from agents.metrics import Metrics
from agents.signalling.deciding import Deciding
from agents.signalling.memory import EnsembleMemory
from streams.headers import header, integer
from streams.kafka.checkpoint import Checkpoint
from streams.kafka.outlet import Record
from streams.kafka.rejection import POISON, rejected
from streams.records import SENT_NS, SOURCE
from tables.indicator_state import RowWrite
from tables.signals.store import SignalStore, SignalWrite

if TYPE_CHECKING:
    from agents.lane import Lane

log = logging.getLogger(__name__)

SETTLE_S = 5.0
"""Longest wait of a checkpoint for signals to be stored."""


class EnsembleTopics(NamedTuple):
    """Full names of the topics that this agent reads and writes."""

    features: str
    signals: str
    rejected: str
    shadow: str
    alerts: str = ""


class EnsembleJob:
    """One partition's decisions (agents.job.Job)."""

    def __init__(
        self,
        topics: EnsembleTopics,
        deciding: Deciding,
        memory: EnsembleMemory,
        decoder: FeatureRecordDecoder,
        metrics: Metrics,
        store: SignalStore | None = None,
        alerts: AlertWatch | None = None,
    ) -> None:
        """`memory`: what `deciding` remembers, too. `store` gets the newest signal of each symbol; None: only the topic
        does. `alerts` says which records are worth one; None: none is."""
        self.streams = (
            topics.signals,
            topics.rejected,
            topics.shadow,
            *([topics.alerts] if alerts is not None else []),
        )
        self._alerts = alerts
        self._topics = topics
        self._deciding = deciding
        self._memory = memory
        self._decoder = decoder
        self._metrics = metrics
        self._store = store
        self._seen = -1

    def open(self, partition: int, checkpoint: Checkpoint | None) -> None:
        """Go on behind the last tick that was acted on, with the rows of the partition."""
        self._seen = -1 if checkpoint is None else checkpoint.seen
        self._memory.open(partition)
        self._deciding.open(partition)
        if self._alerts is not None:
            self._alerts.open(partition)

    def process(self, lane: "Lane", records: Sequence[ConsumerRecord]) -> None:
        """Decode, decide, encode, emit."""
        self._metrics.batch_size.observe("ensemble", [len(records)])
        fresh = self._without_copies(records)
        features = self._decoder.decode([record.value for record in fresh])
        for place, rejection in features.rejected:
            record = fresh[place]
            log.warning("%s[%d]@%d: no signal: %s", record.topic, record.partition, record.offset, rejection)
            self._emit_rejection(lane, record, rejection.reason, rejection.detail)
        offsets = [fresh[place].offset for place in features.places]
        if (known := self._memory.fresh(features.symbols, offsets)) is not None:
            # Their rows have them already: rows are written when every output exists.
            features, offsets = features.take(known), [offsets[place] for place in known]
        if not len(features):
            return
        decided = self._deciding.decide(features, offsets)
        self._count_fallbacks(decided.answers)
        batch = [fresh[place] for place in features.places]
        writes: list[SignalWrite] = []
        for place, action, signal in self._encoded(decided.answers, features):
            symbol, record = features.symbols[place], batch[place]
            if not self._memory.emits(symbol, action, features.ts_ns[place]):
                self._metrics.held_back.inc()
                continue
            sent = header(record.headers, SENT_NS)
            headers = [(SENT_NS, sent)] if sent is not None else []
            lane.emit(self._topics.signals, record.offset, Record(record.key, signal, headers), (ACTIONS[action], sent))
            writes.append(SignalWrite(symbol, record.partition, record.offset, signal))
        for place, _, signal in self._encoded(decided.shadow, features):
            lane.emit(self._topics.shadow, batch[place].offset, Record(batch[place].key, signal))
        if self._alerts is not None:
            for place, alert in self._alerts.of(features, offsets, decided.answers, decided.shadow):
                record, value = batch[place], encode_alert(alert)
                lane.emit(self._topics.alerts, record.offset, Record(record.key, value), alert.kind, part_of(alert))
        self._memory.advance(features.symbols, offsets, features.ts_ns)
        # Last, for nothing of a batch that raises may be seen anywhere.
        if self._store is not None:
            self._store.put_many(writes)

    @staticmethod
    def _encoded(answers: Sequence[Answer], features: FeatureColumns) -> list[tuple[int, int, bytes]]:
        """Place in the batch, code of the action and bytes of each signal, in the order of the batch."""
        found: list[tuple[int, int, bytes]] = []
        for answer in answers:
            places, of = answer.rows.tolist(), features if len(answer.rows) == len(features) else None
            signals = encode_signals(
                answer.decisions,
                of.ids if of else [features.ids[place] for place in places],
                of.symbols if of else [features.symbols[place] for place in places],
                of.ts_ns if of else [features.ts_ns[place] for place in places],
                features.schema,
                answer.model,
            )
            found += zip(places, answer.decisions.action.tolist(), signals, strict=True)
        if len(answers) > 1:
            found.sort(key=itemgetter(0))
        return found

    def reject(self, lane: "Lane", record: ConsumerRecord, detail: str) -> None:
        """To `features-rejected`. Its tick counts as acted on: a copy of the record would be no better."""
        source = header(record.headers, SOURCE)
        if source is not None:
            self._seen = max(self._seen, integer(source))
        self._emit_rejection(lane, record, POISON.decode(), detail)

    def seen(self) -> int:
        """Source offset of the newest tick acted on."""
        return self._seen

    async def settle(self, ends: Mapping[str, int]) -> None:  # noqa: ARG002 - signals need no watermark
        """Wait until Redis has the newest signals, unless it is away: every later signal of a symbol mends it."""
        if self._store is not None:
            await self._store.settle(SETTLE_S)

    def rows(self) -> RowWrite | None:
        """Copies of the rows that changed since the last call; None where nothing must be remembered."""
        return self._memory.rows()

    def stored(self) -> None:
        """Let symbols go that had no record for long."""
        gone = self._memory.let_go()
        self._deciding.let_go(gone)
        if self._alerts is not None:
            self._alerts.let_go(gone)

    def acknowledged(self, stream: str, notes: Sequence[Any]) -> None:
        """Count what Kafka has, and how long it took."""
        if stream == self._topics.rejected:
            for reason in notes:
                self._metrics.unreadable.labels(reason).inc()
            return
        if stream == self._topics.shadow:
            return
        if stream == self._topics.alerts:
            for kind in notes:
                self._metrics.alerts.labels(kind).inc()
            return
        for action, _ in notes:
            self._metrics.signals.labels(action).inc()
        self._metrics.observe_latency("signal", [integer(sent) for _, sent in notes])

    async def close(self) -> None:
        """Write nothing more."""
        await self._memory.close()

    def _count_fallbacks(self, answers: Sequence[Answer]) -> None:
        for answer in answers:
            if answer.decisions.fallback.any():
                for place in np.flatnonzero(answer.decisions.fallback).tolist():
                    self._metrics.fallbacks.labels(answer.decisions.reason[place]).inc()

    def _emit_rejection(self, lane: "Lane", record: ConsumerRecord, reason: str, detail: str) -> None:
        lane.emit(self._topics.rejected, record.offset, rejected(record, reason, detail), reason)

    def _without_copies(self, records: Sequence[ConsumerRecord]) -> list[ConsumerRecord]:
        """Records of ticks not acted on yet: a worker that lost its partition unknowingly writes exact copies."""
        fresh = []
        for record in records:
            source = header(record.headers, SOURCE)
            if source is not None:
                if (offset := integer(source)) <= self._seen:
                    continue
                self._seen = offset
            fresh.append(record)
        return fresh
