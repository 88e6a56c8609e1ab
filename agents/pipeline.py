"""The agents wired together: ticks to features, features to signals, with everything they hold."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer
from faust.types import TP

from agents.decision.ensemble import EnsembleSystem
from agents.decision.feature_records import FeatureRecordDecoder
from agents.ensemble import EnsembleJob, EnsembleTopics
from agents.features import FeaturesJob, FeatureTopics
from agents.job import Broker
from agents.lanes import Lanes
from agents.metrics import Metrics
from streams.engine import RealTimeFeatureEngine
from streams.kafka.batching import Poll
from streams.kafka.tail import TailReader
from streams.kafka.topics import FEATURES, REJECTED, SIGNALS, TICKS
from streams.kafka_url import bootstrap_servers
from streams.settings import Settings
from streams.ticks import TickDecoder
from tables.feature_store import RealTimeFeatureStore
from tables.indicator_state import IndicatorStateTable

log = logging.getLogger(__name__)

STORE_STOP_S = 2.0


class AsyncPredictionPipeline:
    """Features and decisions of one worker; `offer_ticks` and `offer_features` are what the Faust agents call."""

    def __init__(
        self,
        settings: Settings,
        engine: RealTimeFeatureEngine,
        system: EnsembleSystem,
        table: IndicatorStateTable,
        store: RealTimeFeatureStore,
        metrics: Metrics,
        *,
        broker: Callable[[], Broker],
        urgent: Callable[[], Any],
        later: Callable[[], Any],
        on_fatal: Callable[[BaseException], None],
    ) -> None:
        self._engine = engine
        self._system = system
        self._store = store
        self._servers = bootstrap_servers(settings.kafka_url)
        self._tails: TailReader | None = None
        feature_topics = FeatureTopics(*(settings.topic(name) for name in (TICKS, FEATURES, REJECTED)))
        ensemble_topics = EnsembleTopics(settings.topic(FEATURES), settings.topic(SIGNALS))
        self._ticks, self._features = feature_topics.ticks, feature_topics.features
        tick_decoder = TickDecoder(settings.partitions, any_partition=settings.any_partition)
        feature_decoder = FeatureRecordDecoder(engine.feature_set.outputs, engine.feature_set.version)

        def lanes(make_job: Callable[[], Any], producer: Callable[[], Any]) -> Lanes:
            return Lanes(
                make_job,
                broker,
                producer,
                self._tail_reader,
                checkpoint_s=settings.checkpoint_ms / 1000,
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
            ),
            urgent,
        )
        self.ensemble = lanes(lambda: EnsembleJob(ensemble_topics, system, feature_decoder, metrics), later)

    async def start(self) -> None:
        """Compile, connect, touch everything whose first use is slow: no tick waits for that later."""
        log.info("feature set %s@%s: compiling", self._engine.feature_set.name, self._engine.feature_set.version)
        self._engine.warm_up()
        self._system.warm_up()
        # Each read assigns another partition, and aiokafka sends the broker no new fetch before the one for the last
        # partition has come back empty: 1.5 s a read with its default of 500 ms, 0.13 s with this.
        self._tails = TailReader(
            AIOKafkaConsumer(bootstrap_servers=self._servers, enable_auto_commit=False, fetch_max_wait_ms=10)
        )
        await self._tails.start()
        await self._store.start()

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
        tps = list(tps)
        for lanes, topic in ((self.features, self._ticks), (self.ensemble, self._features)):
            lanes.assign(tp for tp in tps if tp.topic == topic)

    async def revoke(self, tps: Iterable[TP]) -> None:
        """Last checkpoint of these partitions, then drop them."""
        tps = list(tps)
        await asyncio.gather(self.features.revoke(tps), self.ensemble.revoke(tps))

    async def stop(self, *, checkpoint: bool = True) -> None:
        """Last checkpoint of everything (in a crash: none), last flush to Redis; bounded in time."""
        await asyncio.gather(*(lanes.close(checkpoint=checkpoint) for lanes in (self.features, self.ensemble)))
        await self._store.stop(STORE_STOP_S)
        if self._tails is not None:
            await self._tails.stop()

    def _tail_reader(self) -> TailReader:
        assert self._tails is not None, "start comes first"
        return self._tails
