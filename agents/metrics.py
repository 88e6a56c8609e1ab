"""Everything the worker counts, in one place. The registry is passed in; `/metrics` shows it (agents/web.py)."""

from collections.abc import Iterable, Sequence
from time import time_ns
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, PlatformCollector, ProcessCollector

from agents.histogram import BatchHistogram
from agents.judging.metrics import QualityMetrics
from agents.models.metrics import ModelMetrics
from agents.store_metrics import StoreMetrics

if TYPE_CHECKING:
    from tables.feature_store import RealTimeFeatureStore

LATENCY_BUCKETS_S: Final = (
    *(0.00025, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075),
    *(0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0),
)
BATCH_BUCKETS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)


class Metrics:
    """Counters of one worker."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        for collector in (GCCollector, PlatformCollector, ProcessCollector):
            collector(registry=registry)
        self.ticks = Counter("hayate_ticks", "Ticks folded", registry=registry)
        self.rejected = Counter(
            "hayate_ticks_rejected", "Records sent to ticks-rejected, by reason", ["reason"], registry=registry
        )
        self.repeated = Counter(
            "hayate_ticks_repeated", "Ticks read again after a restart and not folded twice", registry=registry
        )
        self.marks = Counter("hayate_marks", "Clock marks and reference copies", registry=registry)
        self.warmed = Counter("hayate_ticks_warm", "Ticks of the warm-up folded", registry=registry)
        self.gaps = Counter(
            "hayate_gaps", "Gaps in the ticks of a symbol, by what told them", ["by"], registry=registry
        )
        self.late_into_bar = Counter(
            "hayate_late_into_bar", "Trades folded late into a bar that began after them", registry=registry
        )
        self.quotes_left_out = Counter(
            "hayate_quotes_left_out", "Quotes that a filter left out of a trade's tick", registry=registry
        )
        self.references_left_out = Counter(
            "hayate_references_left_out", "Copies of reference ticks that a filter left out", registry=registry
        )
        self.bars = Counter("hayate_bars", "Bar records acknowledged by Kafka", registry=registry)
        self.features = Counter("hayate_features", "Feature records acknowledged by Kafka", registry=registry)
        self.signals = Counter(
            "hayate_signals", "Signals acknowledged by Kafka, by action", ["action"], registry=registry
        )
        self.fallbacks = Counter(
            "hayate_fallbacks",
            "Records that a lower rung of the ladder decided, by reason",
            ["reason"],
            registry=registry,
        )
        self.held_back = Counter(
            "hayate_signals_held_back", "Decisions that HAYATE_EMIT made no signal of", registry=registry
        )
        self.told = Counter(
            "hayate_features_told",
            "Feature records that were decided about as soon as the broker had them, without being fetched",
            registry=registry,
        )
        self.unreadable = Counter(
            "hayate_features_unreadable",
            "Feature records that the ensemble could not use, by reason",
            ["reason"],
            registry=registry,
        )
        self.lane_restarts = Counter(
            "hayate_lane_restarts", "Partitions that started again from their last checkpoint", registry=registry
        )
        self.symbols = Gauge("hayate_symbols_in_memory", "Symbols whose rows are in memory", registry=registry)
        self.symbols_evicted = Counter(
            "hayate_symbols_evicted",
            "Symbols that left memory after HAYATE_EVICT_AFTER_S without a tick",
            registry=registry,
        )
        self.lag = Gauge("hayate_lag_records", "Records not read yet", ["topic", "partition"], registry=registry)
        self.committed = Gauge(
            "hayate_committed_offset",
            "Committed offset, by the broker's word",
            ["topic", "partition"],
            registry=registry,
        )
        self.uncommitted = Gauge(
            "hayate_lag", "Records not committed, by the broker's word", ["topic", "partition"], registry=registry
        )
        self.redis_up = Gauge("hayate_redis_up", "1 while Redis answers", registry=registry)
        self.redis_pending = Gauge("hayate_redis_pending", "Writes that wait for Redis", registry=registry)
        self.redis_dropped = Gauge(
            "hayate_redis_dropped", "History writes given up while Redis was away", registry=registry
        )
        self.store = StoreMetrics(registry)
        self.models = ModelMetrics(registry)
        self.quality = QualityMetrics(registry)
        self.alerts = Counter("hayate_alerts", "Alerts acknowledged by Kafka, by kind", ["kind"], registry=registry)
        self.batch_size = BatchHistogram("hayate_batch_size", "Records per batch, by agent", "agent", BATCH_BUCKETS)
        self.latency = BatchHistogram(
            "hayate_latency_seconds",
            "From the producer's clock before the send until the result is acknowledged, by result",
            "to",
            LATENCY_BUCKETS_S,
        )
        registry.register(self.batch_size)
        registry.register(self.latency)

    def observe_latency(self, to: str, sent_ns: Sequence[int]) -> None:
        """Record how long ago the ticks of these results were sent; 0 stands for a tick that does not say."""
        now = time_ns()
        self.latency.observe(to, [(now - sent) / 1e9 for sent in sent_ns if sent > 0])

    def observe_store(self, store: "RealTimeFeatureStore") -> None:
        """Copy the feature store's own counters, at every scrape."""
        self.redis_up.set_function(lambda: float(store.up))
        self.redis_pending.set_function(lambda: float(store.pending))
        self.redis_dropped.set_function(lambda: float(store.dropped))

    def set_lag(self, lags: Iterable[tuple[str, int, int]]) -> None:
        """Set the lag of each (topic, partition, records); partitions that went away are forgotten."""
        self.lag.clear()
        for topic, partition, records in lags:
            self.lag.labels(topic, str(partition)).set(records)

    def set_progress(self, places: Iterable[tuple[str, int, int, int]]) -> None:
        """Set each (topic, partition, committed offset, end); partitions that went away are forgotten."""
        self.committed.clear()
        self.uncommitted.clear()
        for topic, partition, committed, end in places:
            self.committed.labels(topic, str(partition)).set(committed)
            self.uncommitted.labels(topic, str(partition)).set(max(0, end - committed))
