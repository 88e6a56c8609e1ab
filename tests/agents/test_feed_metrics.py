"""What `feed` shows of its counters."""

from prometheus_client import CollectorRegistry, generate_latest

from agents.feed_metrics import FeedMetrics
from streams.feeds.feed_counts import FeedCounts
from streams.feeds.live_queue import LiveQueue


class Delivered:
    """A producer's numbers."""

    acknowledged = 7
    unacknowledged = 3
    away = True


def test_every_counter_is_shown_with_its_venue() -> None:
    counts, queue, registry = FeedCounts("v"), LiveQueue(), CollectorRegistry()
    metrics = FeedMetrics(registry, counts, queue, Delivered)
    counts.frames, counts.trades, counts.quotes, counts.clock_marks = 10, 4, 5, 6
    counts.connected = True
    counts.non_ticks["beat"] += 2
    counts.unreadable["bad-json"] += 1
    counts.filtered["symbol"] += 8
    counts.lost["closed"] += 9
    counts.gaps["sequence"] += 11
    queue.conflated = 12
    metrics.observe_lags([0.0004, 0.002])
    lines = set(generate_latest(registry).decode().splitlines())
    assert {
        'hayate_feed_frames_total{venue="v"} 10.0',
        'hayate_feed_ticks_total{kind="trade",venue="v"} 4.0',
        'hayate_feed_ticks_total{kind="quote",venue="v"} 5.0',
        'hayate_feed_other_messages_total{kind="beat",venue="v"} 2.0',
        'hayate_feed_unreadable_total{reason="bad-json",venue="v"} 1.0',
        'hayate_feed_filtered_total{reason="symbol",venue="v"} 8.0',
        'hayate_feed_reconnects_total{reason="closed",venue="v"} 9.0',
        'hayate_feed_gaps_total{reason="sequence",venue="v"} 11.0',
        'hayate_feed_clock_marks_total{venue="v"} 6.0',
        'hayate_feed_conflated_total{venue="v"} 12.0',
        'hayate_feed_acknowledged_total{venue="v"} 7.0',
        'hayate_feed_connected{venue="v"} 1.0',
        'hayate_feed_queue{venue="v"} 0.0',
        'hayate_feed_unacknowledged{venue="v"} 3.0',
        'hayate_feed_kafka_away{venue="v"} 1.0',
        'hayate_feed_lag_seconds_count{venue="v"} 2.0',
        'hayate_feed_lag_seconds_bucket{le="0.0005",venue="v"} 1.0',
    } <= lines, lines
