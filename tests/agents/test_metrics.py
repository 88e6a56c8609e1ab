"""What `/metrics` shows."""

import time
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from agents.metrics import Metrics


@pytest.fixture
def metrics() -> Metrics:
    """Metrics in a registry of their own."""
    return Metrics(CollectorRegistry())


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """One sample."""
    return metrics.registry.get_sample_value(name, labels)


def test_each_has_a_registry_of_its_own(metrics: Metrics) -> None:
    """Two applications in one process do not collide."""
    other = Metrics(CollectorRegistry())
    other.ticks.inc(3)
    assert value(metrics, "hayate_ticks_total") == 0
    assert value(other, "hayate_ticks_total") == 3


def test_the_text_parses_and_names_everything(metrics: Metrics) -> None:
    """Every family is ours or the process's, with a help text."""
    metrics.rejected.labels("late").inc(2)
    metrics.signals.labels("buy").inc()
    metrics.unreadable.labels("bad-json").inc()
    metrics.fallbacks.labels("deadline").inc()
    metrics.held_back.inc(3)
    metrics.batch_size.observe("features", [3])
    metrics.observe_latency("feature", [time.time_ns()])
    families = {f.name: f for f in text_string_to_metric_families(generate_latest(metrics.registry).decode())}
    ours = {name for name in families if name.startswith("hayate_") and not name.endswith("_created")}
    assert ours == {
        "hayate_ticks",
        "hayate_ticks_rejected",
        "hayate_ticks_repeated",
        "hayate_ticks_warm",
        "hayate_marks",
        "hayate_gaps",
        "hayate_late_into_bar",
        "hayate_quotes_left_out",
        "hayate_references_left_out",
        "hayate_bars",
        "hayate_features",
        "hayate_signals",
        "hayate_signals_held_back",
        "hayate_fallbacks",
        "hayate_features_told",
        "hayate_features_unreadable",
        "hayate_lane_restarts",
        "hayate_model_info",
        "hayate_model_swaps",
        "hayate_model_load_errors",
        "hayate_model_outcomes",
        "hayate_model_accuracy",
        "hayate_model_brier",
        "hayate_model_log_loss",
        "hayate_model_calibration_error",
        "hayate_model_high_coverage",
        "hayate_model_high_precision",
        "hayate_model_drift_psi",
        "hayate_alerts",
        "hayate_symbols_in_memory",
        "hayate_symbols_evicted",
        "hayate_lag_records",
        "hayate_committed_offset",
        "hayate_lag",
        "hayate_store_heal_partitions",
        "hayate_store_heal_remaining_records",
        "hayate_store_heal_records",
        "hayate_store_heal_writes",
        "hayate_store_used_bytes",
        "hayate_store_max_bytes",
        "hayate_store_keys",
        "hayate_redis_up",
        "hayate_redis_pending",
        "hayate_redis_dropped",
        "hayate_batch_size",
        "hayate_latency_seconds",
    }
    assert all(families[name].documentation for name in ours)
    assert {"python_info", "process_resident_memory_bytes"} <= families.keys()
    assert value(metrics, "hayate_ticks_rejected_total", reason="late") == 2
    assert value(metrics, "hayate_fallbacks_total", reason="deadline") == 1
    assert value(metrics, "hayate_signals_held_back_total") == 3


def test_latency_counts_only_ticks_that_say_when_they_were_sent(metrics: Metrics) -> None:
    """0 stands for a tick without the header."""
    now = time.time_ns()
    metrics.observe_latency("feature", [0, now - 7_000_000, 0, now - 2_000_000_000])
    assert value(metrics, "hayate_latency_seconds_count", to="feature") == 2
    assert value(metrics, "hayate_latency_seconds_bucket", to="feature", le="0.005") == 0
    assert (value(metrics, "hayate_latency_seconds_sum", to="feature") or 0) >= 2.007
    metrics.observe_latency("feature", [0])
    assert value(metrics, "hayate_latency_seconds_count", to="feature") == 2


def test_lags_of_partitions_that_went_away_are_forgotten(metrics: Metrics) -> None:
    """A scrape shows what is assigned now."""
    metrics.set_lag([("ticks", 0, 5), ("ticks", 1, 0)])
    assert value(metrics, "hayate_lag_records", topic="ticks", partition="0") == 5
    metrics.set_lag([("ticks", 1, 7)])
    assert value(metrics, "hayate_lag_records", topic="ticks", partition="0") is None
    assert value(metrics, "hayate_lag_records", topic="ticks", partition="1") == 7


def test_progress_is_set_and_forgotten(metrics: Metrics) -> None:
    """Committed offset and what is behind it, of the partitions that are ours now."""
    metrics.set_progress([("ticks", 0, 90, 100), ("ticks", 1, 7, 5)])
    assert value(metrics, "hayate_committed_offset", topic="ticks", partition="0") == 90
    assert value(metrics, "hayate_lag", topic="ticks", partition="0") == 10
    assert value(metrics, "hayate_lag", topic="ticks", partition="1") == 0
    metrics.set_progress([("ticks", 1, 8, 8)])
    assert value(metrics, "hayate_committed_offset", topic="ticks", partition="0") is None
    assert value(metrics, "hayate_lag", topic="ticks", partition="1") == 0


def test_the_store_is_asked_at_each_scrape(metrics: Metrics) -> None:
    """Its counters are not copied once."""
    store = SimpleNamespace(up=True, pending=3, dropped=0)
    metrics.observe_store(store)  # type: ignore[arg-type]  # all that it reads of a store
    assert value(metrics, "hayate_redis_up") == 1
    assert value(metrics, "hayate_redis_pending") == 3
    store.up, store.pending, store.dropped = False, 9, 4
    assert value(metrics, "hayate_redis_up") == 0
    assert value(metrics, "hayate_redis_pending") == 9
    assert value(metrics, "hayate_redis_dropped") == 4
