"""The ensemble agent's work: feature records of one partition in, one signal each out."""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka import ConsumerRecord

from agents.decision.decisions import ACTIONS
from agents.decision.ensemble import EnsembleSystem
from agents.decision.feature_records import FeatureRecordDecoder
from agents.decision.signals import encode_signals
from agents.metrics import Metrics
from streams.headers import header, integer
from streams.kafka.checkpoint import Checkpoint
from streams.kafka.outlet import Record
from streams.kafka.rejection import POISON, rejected
from streams.records import SENT_NS, SOURCE
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


class EnsembleJob:
    """One partition's decisions (agents.job.Job). It keeps no state but which ticks it has acted on."""

    def __init__(
        self,
        topics: EnsembleTopics,
        system: EnsembleSystem,
        decoder: FeatureRecordDecoder,
        metrics: Metrics,
        store: SignalStore | None = None,
    ) -> None:
        """`store` gets the newest signal of each symbol; None: only the topic does."""
        self.streams = (topics.signals, topics.rejected)
        self._topics = topics
        self._system = system
        self._decoder = decoder
        self._metrics = metrics
        self._store = store
        self._seen = -1

    def open(self, partition: int, checkpoint: Checkpoint | None) -> None:  # noqa: ARG002 - the job of any partition
        """Go on behind the last tick that was acted on."""
        self._seen = -1 if checkpoint is None else checkpoint.seen

    def process(self, lane: "Lane", records: Sequence[ConsumerRecord]) -> None:
        """Decode, decide, encode, emit."""
        self._metrics.batch_size.observe("ensemble", [len(records)])
        fresh = self._without_copies(records)
        features = self._decoder.decode([record.value for record in fresh])
        for place, rejection in features.rejected:
            record = fresh[place]
            log.warning("%s[%d]@%d: no signal: %s", record.topic, record.partition, record.offset, rejection)
            self._emit_rejection(lane, record, rejection.reason, rejection.detail)
        if not len(features):
            return
        decisions = self._system.decide(features.values, features.price)
        signals = encode_signals(
            decisions, features.ids, features.symbols, features.ts_ns, features.schema, self._system.model
        )
        writes: list[SignalWrite] = []
        actions = decisions.action.tolist()
        for place, symbol, signal, action in zip(features.places, features.symbols, signals, actions, strict=True):
            record = fresh[place]
            sent = header(record.headers, SENT_NS)
            headers = [(SENT_NS, sent)] if sent is not None else []
            lane.emit(self._topics.signals, record.offset, Record(record.key, signal, headers), (ACTIONS[action], sent))
            writes.append(SignalWrite(symbol, record.partition, record.offset, signal))
        # Last, for nothing of a batch that raises may be seen anywhere.
        if self._store is not None:
            self._store.put_many(writes)

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

    def rows(self) -> None:
        """Rule members remember nothing."""

    def stored(self) -> None:
        """Nothing is kept in memory that a table has."""

    def acknowledged(self, stream: str, notes: Sequence[Any]) -> None:
        """Count what Kafka has, and how long it took."""
        if stream == self._topics.rejected:
            for reason in notes:
                self._metrics.unreadable.labels(reason).inc()
            return
        for action, _ in notes:
            self._metrics.signals.labels(action).inc()
        self._metrics.observe_latency("signal", [integer(sent) for _, sent in notes])

    async def close(self) -> None:
        """Nothing to close."""

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
