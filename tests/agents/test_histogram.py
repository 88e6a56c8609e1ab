"""The batch histogram against prometheus_client's own, which counts one observation at a time."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from agents.histogram import BatchHistogram
from agents.metrics import BATCH_BUCKETS, LATENCY_BUCKETS_S

BUCKETS = (0.001, 0.5, 1.0, 2.0, 2.5, 10.0)
VALUE = st.one_of(st.sampled_from(BUCKETS), st.floats(-1.0, 20.0))


@given(st.lists(st.tuples(st.sampled_from("ab"), st.lists(VALUE, max_size=12), st.booleans()), max_size=10))
def test_counts_are_those_of_prometheus(batches: list[tuple[str, list[float], bool]]) -> None:
    """Every bucket of every label, values on a bound included, whatever the size of a batch and its type."""
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    batched = BatchHistogram("h", "help", "to", BUCKETS)
    ours.register(batched)
    single = Histogram("h", "help", ["to"], buckets=BUCKETS, registry=theirs)
    for label, values, as_array in batches:
        batched.observe(label, np.array(values) if as_array else values)
        single.labels(label)
        for value in values:
            single.labels(label).observe(value)
    for label in {label for label, _, _ in batches}:
        for bound in (*BUCKETS, math.inf):
            le = {"to": label, "le": "+Inf" if math.isinf(bound) else str(bound)}
            found = ours.get_sample_value("h_bucket", le | {"le": "+Inf" if math.isinf(bound) else f"{bound:g}"})
            assert found == theirs.get_sample_value("h_bucket", le)
        assert ours.get_sample_value("h_count", {"to": label}) == theirs.get_sample_value("h_count", {"to": label})
        total = theirs.get_sample_value("h_sum", {"to": label})
        assert ours.get_sample_value("h_sum", {"to": label}) == pytest.approx(total)


def test_the_text_parses() -> None:
    """As Prometheus reads it: cumulative buckets up to +Inf, their count and sum."""
    registry = CollectorRegistry()
    histogram = BatchHistogram("h", "What it is", "to", [1, 2, 20_000])
    registry.register(histogram)
    histogram.observe("x", [0.5, 1.0, 1.5, 3.0, 30_000.0])
    [family] = text_string_to_metric_families(generate_latest(registry).decode())
    assert (family.name, family.type, family.documentation) == ("h", "histogram", "What it is")
    found = {(sample.name, sample.labels.get("le")): sample.value for sample in family.samples}
    assert found == {
        ("h_bucket", "1"): 2,
        ("h_bucket", "2"): 3,
        ("h_bucket", "20000"): 4,
        ("h_bucket", "+Inf"): 5,
        ("h_count", None): 5,
        ("h_sum", None): 30_006,
    }


def test_bounds_are_written_without_loss() -> None:
    """A bound in the text is the bound that was counted by."""

    for bound in (*BATCH_BUCKETS, *LATENCY_BUCKETS_S):
        assert float(f"{bound:g}") == bound


def test_nothing_observed_is_no_sample() -> None:
    """A label appears with its first batch, an empty one included."""
    registry = CollectorRegistry()
    histogram = BatchHistogram("h", "help", "to", BUCKETS)
    registry.register(histogram)
    assert registry.get_sample_value("h_count", {"to": "x"}) is None
    histogram.observe("x", [])
    assert registry.get_sample_value("h_count", {"to": "x"}) == 0
