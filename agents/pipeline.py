"""The agents wired together: ticks to features, features to signals, with everything they hold."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from faust.types import TP

from agents.alerting.kinds import limits_of
from agents.alerting.watch import AlertWatch
from agents.decision.emission import parse_emission
from agents.decision.ensemble import EnsembleSystem
from agents.decision.feature_records import FeatureRecordDecoder
from agents.decision.following import warm_up as warm_up_following
from agents.decision.ladder import Ladder
from agents.decision.models import RunningModels
from agents.ensemble import EnsembleJob, EnsembleTopics
from agents.features import FeaturesJob, FeatureTopics
from agents.healing import Healing
from agents.heartbeat import Heartbeat
from agents.job import Broker
from agents.judging.judge import Judge
from agents.lanes import Lanes
from agents.metrics import Metrics
from agents.signalling.deciding import Deciding
from agents.signalling.memory import EnsembleMemory
from agents.store_watch import StoreWatch
from streams.engine import RealTimeFeatureEngine
from streams.kafka.access import KafkaAccess
from streams.kafka.batching import Poll
from streams.kafka.checkpoint import Origin
from streams.kafka.log_reader import LogReader
from streams.kafka.outlet import Written, records_of
from streams.kafka.tail import TailReader
from streams.kafka.topics import ALERTS, BARS, FEATURES, FEATURES_REJECTED, REJECTED, SIGNALS, SIGNALS_SHADOW, TICKS
from streams.settings import Settings
from streams.ticks import TickDecoder
from tables.feature_store import RealTimeFeatureStore
from tables.features.setup import healer_for
from tables.indicator_state import IndicatorStateTable
from tables.signals.store import SignalStore

log = logging.getLogger(__name__)

CALENDAR_AHEAD_NS = 14 * 86_400 * 1_000_000_000
STORE_STOP_S = 1.0
"""The last flush to Redis, after the lanes are closed; what it misses comes with the next features."""
CLOSE_S = 1.0
"""Closing what cannot matter any more."""


class AsyncPredictionPipeline:
    """Features and decisions of one worker; `offer_ticks` and `offer_features` are what the Faust agents call."""

    def __init__(
        self,
        settings: Settings,
        engine: RealTimeFeatureEngine,
        system: EnsembleSystem,
        table: IndicatorStateTable,
        store: RealTimeFeatureStore,
        signals: SignalStore,
        metrics: Metrics,
        models: RunningModels,
        judge: Judge,
        *,
        memory_table: IndicatorStateTable | None = None,
        broker: Callable[[], Broker],
        urgent: Callable[[], Any],
        later: Callable[[], Any],
        confirm: Callable[[], Awaitable[bool]],
        topic_ids: Callable[[], Mapping[str, str]],
        on_fatal: Callable[[BaseException], None],
    ) -> None:
        self._engine = engine
        self._system = system
        self._models = models
        self._metrics = metrics
        self._store = store
        self._signals = signals
        self.heartbeat = Heartbeat(settings.session_timeout_s, confirm, on_suspect=self._abandon, on_fatal=on_fatal)
        feature_topics = FeatureTopics(*(settings.topic(name) for name in (TICKS, FEATURES, REJECTED, BARS)))
        ensemble_topics = EnsembleTopics(
            *(settings.topic(name) for name in (FEATURES, SIGNALS, FEATURES_REJECTED, SIGNALS_SHADOW, ALERTS))
        )
        self._ticks, self._features = feature_topics.ticks, feature_topics.features
        logs = sorted({*feature_topics, *ensemble_topics})
        shared = frozenset({ensemble_topics.alerts})
        self._tails = TailReader(LogReader(KafkaAccess.of(settings), logs), shared)
        # A reader of its own: what fills Redis must not make a lane wait for its tails.
        self._past = LogReader(KafkaAccess.of(settings), [self._features])
        self.healing = Healing(
            healer_for(settings, engine.feature_set, store.filler, self._past),
            store.filler,
            metrics.store,
            trimmed=lambda: store.trimmed,
            symbols=table.symbols,
        )
        store.on_back(self.healing.lost)
        self._watch = StoreWatch(store, self.healing, metrics.store)
        tick_decoder = TickDecoder(settings.partitions, any_partition=settings.any_partition, filters=engine.filters)
        feature_decoder = FeatureRecordDecoder(engine.feature_set.outputs, engine.feature_set.version)

        def lanes(
            make_job: Callable[[], Any],
            producer: Callable[[], Any],
            topic: str,
            layout: str,
            on_written: Mapping[str, Callable[[int, Written], None]] | None = None,
        ) -> Lanes:
            return Lanes(
                make_job,
                broker,
                producer,
                lambda: self._tails,
                self.heartbeat,
                checkpoint_s=settings.checkpoint_ms / 1000,
                origin=lambda: Origin(layout, topic_ids().get(topic, ""), settings.partitions),
                on_written=on_written,
                on_fatal=on_fatal,
                on_restart=metrics.lane_restarts.inc,
            )

        self.features = lanes(
            lambda: FeaturesJob(
                feature_topics,
                engine,
                tick_decoder,
                table,
                store,
                metrics,
                later,
                lateness_ms=settings.lateness_ms,
                evict_after_s=settings.evict_after_s,
                settled=self.healing.settled,
            ),
            urgent,
            self._ticks,
            f"{engine.feature_set.layout_hash:016x}",
            {self._features: self._tell},
        )
        self._ladder = Ladder(system, models, deadline_s=settings.model_deadline_ms / 1000)
        emission = parse_emission(settings.emit)
        limits = limits_of(settings)

        def ensemble_job() -> EnsembleJob:
            memory = EnsembleMemory(emission, memory_table, later, evict_after_s=settings.evict_after_s)
            deciding = Deciding(
                system,
                models,
                self._ladder,
                memory,
                engine.feature_set.outputs,
                dynamic=settings.weights == "dynamic",
                judge=judge,
            )
            alerts = AlertWatch(limits, engine.feature_set.outputs, models, judge)
            return EnsembleJob(ensemble_topics, deciding, memory, feature_decoder, metrics, signals, alerts)

        self.ensemble = lanes(
            ensemble_job,
            later,
            self._features,
            engine.feature_set.version,
        )

    async def start(self) -> None:
        """Compile, connect, touch everything whose first use is slow: no tick waits for that later."""
        feature_set = self._engine.feature_set
        log.info(
            "feature set %s@%s: %d outputs, %d numbers of state per symbol",
            feature_set.name,
            feature_set.version,
            len(feature_set.outputs),
            feature_set.width,
        )
        now_ns = time.time_ns()
        # A calendar that ends soon is refused here, for a market beyond its end would count as closed.
        for sessions in (self._engine.sessions, self._engine.filters.sessions):
            sessions.require((now_ns, now_ns + CALENDAR_AHEAD_NS))
        self._engine.warm_up()
        self._system.warm_up()
        warm_up_following()
        await self._tails.start()
        await self._past.start()
        await self._models.start()
        await self._store.start()
        await self._signals.start()
        self._watch.start()

    async def offer_ticks(self, poll: Poll) -> None:
        """Take one poll of `ticks`."""
        for batch in poll:
            await self.features.offer(batch)

    async def offer_features(self, poll: Poll) -> None:
        """Take one poll of `features`."""
        for batch in poll:
            await self.ensemble.offer(batch)

    def assign(self, tps: Iterable[TP]) -> None:
        """Start the lanes of these partitions, whose rows are recovered."""
        self.heartbeat.start()
        tps = list(tps)
        for lanes, topic in ((self.features, self._ticks), (self.ensemble, self._features)):
            lanes.assign(tp for tp in tps if tp.topic == topic)
        self.healing.assign(tp.partition for tp in tps if tp.topic == self._ticks)

    async def revoke(self, tps: Iterable[TP]) -> None:
        """Last checkpoint of these partitions, then drop them."""
        tps = list(tps)
        gone = {tp.partition for tp in tps if tp.topic == self._ticks}
        await self.healing.pause(gone)
        await asyncio.gather(self.features.revoke(tps), self.ensemble.revoke(tps))
        self.healing.forget(gone)

    async def stop(self, *, checkpoint: bool = True) -> bool:
        """Last checkpoint of everything (in a crash: none); bounded in time, whatever Kafka and Redis do. Says whether
        a next start will have nothing to repeat."""
        await self.healing.pause()
        clean = await asyncio.gather(*(lanes.close(checkpoint=checkpoint) for lanes in (self.features, self.ensemble)))
        self.heartbeat.stop()
        return all(clean)

    async def close(self) -> None:
        """Last flush to Redis, and the ends of the connections; bounded in time."""
        self._watch.stop()
        self._ladder.close()
        await asyncio.gather(
            _within(STORE_STOP_S + CLOSE_S, self._store.stop(STORE_STOP_S), "Redis"),
            _within(STORE_STOP_S + CLOSE_S, self._signals.stop(STORE_STOP_S), "Redis"),
            _within(CLOSE_S, self._models.stop(), "the reader of models"),
            _within(CLOSE_S, self._tails.stop(), "the reader of logs"),
            _within(CLOSE_S, self._past.stop(), "the reader of features"),
        )

    def _tell(self, partition: int, written: Written) -> None:
        """Features that this worker wrote go to their decision as soon as the broker has them: to fetch them as well
        would cost a round trip."""
        records = records_of(self._features, partition, written)
        if self.ensemble.tell(TP(self._features, partition), records):
            self._metrics.told.inc(len(records))

    def _abandon(self) -> None:
        self.features.abandon()
        self.ensemble.abandon()


async def _within(seconds: float, closing: Awaitable[None], what: str) -> None:
    try:
        await asyncio.wait_for(closing, seconds)
    except TimeoutError:
        log.warning("%s did not close within %g s", what, seconds)
