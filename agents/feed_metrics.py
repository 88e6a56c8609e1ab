"""Prometheus metrics of the command `feed`, read from its counters at every scrape."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from agents.histogram import BatchHistogram
from agents.metrics import LATENCY_BUCKETS_S

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from streams.feeds.feed_counts import FeedCounts
    from streams.feeds.live_queue import LiveQueue


class Delivery(Protocol):
    """What is asked of the producer."""

    @property
    def acknowledged(self) -> int:
        """Ticks that the broker confirmed."""
        ...

    @property
    def unacknowledged(self) -> int:
        """Records on their way."""
        ...

    @property
    def away(self) -> bool:
        """Whether Kafka acknowledges nothing although something waits."""
        ...


class FeedMetrics(Collector):
    """Everything that a feed counts; label `venue` on all of it."""

    def __init__(
        self, registry: CollectorRegistry, counts: "FeedCounts", queue: "LiveQueue", delivery: Callable[[], Delivery]
    ) -> None:
        """`delivery` returns the producer."""
        self._counts, self._queue, self._delivery = counts, queue, delivery
        self._lag = BatchHistogram(
            "hayate_feed_lag_seconds",
            "From the receipt of a tick to its acknowledgement by Kafka",
            "venue",
            LATENCY_BUCKETS_S,
        )
        registry.register(self)
        registry.register(self._lag)
        ProcessCollector(registry=registry)

    def observe_lags(self, lags_s: list[float]) -> None:
        """Record times from receipt to acknowledgement."""
        self._lag.observe(self._counts.venue, lags_s)

    def collect(self) -> "Iterable[Metric]":
        """For the registry."""
        counts, producer = self._counts, self._delivery()
        yield self._counter("frames", "Frames received", counts.frames)
        ticks = {"trade": counts.trades, "quote": counts.quotes}
        yield self._counter("ticks", "Ticks received, by kind", ticks, "kind")
        yield self._counter("other_messages", "Known messages that are no ticks, by kind", counts.non_ticks, "kind")
        yield self._counter("unreadable", "Messages that are unknown or malformed", counts.unreadable, "reason")
        yield self._counter("filtered", "Ticks that a filter kept back, by reason", counts.filtered, "reason")
        yield self._counter("reconnects", "Connections lost or not made, by reason", counts.lost, "reason")
        yield self._counter("gaps", "Gap marks written, by reason", counts.gaps, "reason")
        yield self._counter("clock_marks", "Seconds for which a clock mark was written", counts.clock_marks)
        yield self._counter("conflated", "Quotes left out for a newer one", self._queue.conflated)
        yield self._counter("acknowledged", "Ticks acknowledged by Kafka", producer.acknowledged)
        yield self._gauge("connected", "1 while a connection delivers", counts.connected)
        yield self._gauge("queue", "Ticks and marks between socket and producer", len(self._queue))
        yield self._gauge("unacknowledged", "Records on their way to Kafka", producer.unacknowledged)
        yield self._gauge("kafka_away", "1 while Kafka acknowledges nothing although something waits", producer.away)

    def _counter(
        self, name: str, text: str, values: int | Mapping[str, int], label: str | None = None
    ) -> CounterMetricFamily:
        family = CounterMetricFamily(
            f"hayate_feed_{name}", text, labels=["venue"] if label is None else ["venue", label]
        )
        if isinstance(values, int):
            family.add_metric([self._counts.venue], values)
        else:
            for key, value in sorted(values.items()):
                family.add_metric([self._counts.venue, key], value)
        return family

    def _gauge(self, name: str, text: str, value: float) -> GaugeMetricFamily:
        family = GaugeMetricFamily(f"hayate_feed_{name}", text, labels=["venue"])
        family.add_metric([self._counts.venue], value)
        return family
