"""The ensemble agent's work: a signal for every feature record that can be read, once per tick."""

import json
import logging
from typing import Any

import numpy as np
import pytest
from aiokafka import ConsumerRecord
from prometheus_client import CollectorRegistry

from agents.decision.emission import Emission
from agents.decision.ensemble import EnsembleSystem
from agents.decision.feature_records import FeatureRecordDecoder
from agents.decision.ladder import Ladder
from agents.decision.models import NoModels
from agents.ensemble import EnsembleJob, EnsembleTopics
from agents.metrics import Metrics
from agents.signalling.deciding import Deciding
from agents.signalling.memory import EnsembleMemory
from streams.engine import RealTimeFeatureEngine
from streams.feature_records import FeatureEncoder
from streams.feature_set import FeatureSet
from streams.kafka.checkpoint import Checkpoint
from streams.kafka.outlet import Record
from tests.agents.fake_kafka import record

SET = FeatureSet.load("classics")


class FakeLane:
    """Takes what is emitted."""

    def __init__(self) -> None:
        self.emitted: list[tuple[str, int, Record, Any]] = []

    def emit(self, stream: str, source: int, output: Record, note: Any = None) -> bool:
        """As Lane.emit."""
        self.emitted.append((stream, source, output, note))
        return True


class Bench:
    """A job with everything around it."""

    def __init__(self) -> None:
        self.metrics = Metrics(CollectorRegistry())
        self.lane = FakeLane()
        rules, models = EnsembleSystem(SET.outputs), NoModels()
        memory = EnsembleMemory(Emission(), None, lambda: None)
        self.job = EnsembleJob(
            EnsembleTopics("features", "signals", "features-rejected", "signals-shadow"),
            Deciding(rules, models, Ladder(rules, models, deadline_s=1.0), memory, SET.outputs),
            memory,
            FeatureRecordDecoder(SET.outputs, SET.version),
            self.metrics,
        )
        self.job.open(0, None)

    def process(self, records: list[ConsumerRecord]) -> list[tuple[int, Record]]:
        """One batch; what came of it."""
        self.lane.emitted.clear()
        self.job.process(self.lane, records)  # type: ignore[arg-type]  # `emit` is all that it uses of the lane
        assert {stream for stream, *_ in self.lane.emitted} <= {"signals", "features-rejected"}
        return self.of("signals")

    def of(self, stream: str) -> list[tuple[int, Record]]:
        """What the last batch emitted into one stream."""
        return [(source, output) for name, source, output, _ in self.lane.emitted if name == stream]

    def count(self, name: str, **labels: str) -> float | None:
        """A counter."""
        return self.metrics.registry.get_sample_value(f"{name}_total", labels)


@pytest.fixture
def bench() -> Bench:
    """A job that has acted on nothing yet."""
    return Bench()


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> list[ConsumerRecord]:
    """Feature records of a walk, long enough for the members to answer, as the features agent writes them."""
    engine = RealTimeFeatureEngine(SET, cache_dir=tmp_path_factory.mktemp("kernels"))
    count = 90
    prices = 100 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 1e-3, count)))
    folded = engine.run(prices)
    ids = [f"ticks-0-{i}" for i in range(count)]
    encoded = FeatureEncoder(SET.outputs, SET.version).encode(
        ids, ["ES"] * count, list(range(1, count + 1)), folded.price.tolist(), folded.values.tolist(), folded.flags
    )
    return [
        record("features", 0, i, (b"ES", value, [("src", b"%d" % (2 * i)), ("prev", b"0"), ("sent_ns", b"12345")]))
        for i, (value, _, _) in enumerate(encoded)
    ]


def test_a_signal_for_each_record(bench: Bench, features: list[ConsumerRecord]) -> None:
    """Under the record's key and offset, with its id, and the send time handed on."""
    outputs = bench.process(features)
    assert [source for source, _ in outputs] == list(range(90))
    signals = [json.loads(output.value or b"") for _, output in outputs]
    assert [signal["id"] for signal in signals] == [f"ticks-0-{i}" for i in range(90)]
    assert all(output.key == b"ES" and list(output.headers) == [("sent_ns", b"12345")] for _, output in outputs)
    assert (signals[0]["action"], signals[0]["reason"]) == ("hold", "warming")
    assert signals[-1]["reason"] is None
    assert 0 < signals[-1]["probability_up"] < 1
    assert signals[-1]["probability_up"] != 0.5
    assert signals[-1]["model"] == EnsembleSystem(SET.outputs).model
    assert bench.metrics.registry.get_sample_value("hayate_batch_size_sum", {"agent": "ensemble"}) == 90


def test_cuts_do_not_matter(bench: Bench, features: list[ConsumerRecord]) -> None:
    """The same bytes, however the log is cut."""
    whole = bench.process(features)
    other = Bench()
    parts = [other.process(features[begin : begin + 7]) for begin in range(0, 90, 7)]
    assert [output for part in parts for output in part] == whole


def test_copies_of_a_zombie_are_dropped(bench: Bench, features: list[ConsumerRecord]) -> None:
    """A worker that lost its partition writes exact copies: each tick is acted on once, also after a restart."""
    copies = [*features[:3], *features[1:3], features[3]]
    copies = [record("features", 0, i, (r.key, r.value, r.headers)) for i, r in enumerate(copies)]
    outputs = bench.process(copies)
    assert [source for source, _ in outputs] == [0, 1, 2, 5]
    assert bench.job.seen() == 6
    again = Bench()
    again.job.open(0, Checkpoint(ends={}, seen=bench.job.seen()))
    assert again.process(copies) == []
    assert [source for source, _ in again.process(features[4:6])] == [4, 5]


def test_a_poisoned_record_counts_as_acted_on(bench: Bench, features: list[ConsumerRecord]) -> None:
    """A zombie's copy of it would be no better; what comes after it is acted on."""
    bench.process(features[:3])
    bench.lane.emitted.clear()
    bench.job.reject(bench.lane, features[3], "ZeroDivisionError: x")  # type: ignore[arg-type]  # `emit` is all it uses
    ((source, output),) = bench.of("features-rejected")
    assert (source, output.key, output.value) == (3, b"ES", features[3].value)
    assert dict(output.headers)["reason"] == b"poison"
    assert dict(output.headers)["topic"] == b"features"
    assert bench.job.seen() == 6
    copy = record("features", 0, 4, (features[3].key, features[3].value, features[3].headers))
    assert bench.process([copy]) == []
    assert bench.lane.emitted == []
    assert [at for at, _ in bench.process(features[4:6])] == [4, 5]
    plain = record("features", 0, 9, (b"ES", b"{}", ()))
    bench.job.reject(bench.lane, plain, "x")  # type: ignore[arg-type]  # `emit` is all it uses
    assert bench.job.seen() == 10
    bench.job.acknowledged("features-rejected", ["poison"])
    assert bench.count("hayate_features_unreadable", reason="poison") == 1


def test_a_record_without_source_is_no_copy(bench: Bench, features: list[ConsumerRecord]) -> None:
    """Another producer than ours: acted on, each time."""
    plain = [record("features", 0, i, (b"ES", features[80].value, ())) for i in range(2)]
    assert [source for source, _ in bench.process(plain)] == [0, 1]
    assert bench.job.seen() == -1


def test_unreadable_records_cost_nobody_else_a_signal(
    bench: Bench, features: list[ConsumerRecord], caplog: pytest.LogCaptureFixture
) -> None:
    """Each is counted and named; the others keep their places."""
    bad: list[tuple[bytes | None, str]] = [
        (None, "bad-json"),
        (b"{", "bad-json"),
        (b'{"schema": "other"}', "schema-mismatch"),
        (b'{"schema": "%s"}' % SET.version.encode(), "bad-record"),
    ]
    mixed = [record("features", 0, i, (b"ES", value, ())) for i, (value, _) in enumerate(bad)]
    mixed.insert(2, record("features", 0, 9, (b"ES", features[80].value, ())))
    with caplog.at_level(logging.WARNING):
        assert [source for source, _ in bench.process(mixed)] == [9]
    rejected = bench.of("features-rejected")
    assert [source for source, _ in rejected] == [0, 1, 2, 3]
    assert [(output.key, output.value) for _, output in rejected] == [(b"ES", value) for value, _ in bad]
    assert [dict(output.headers)["reason"].decode() for _, output in rejected] == [reason for _, reason in bad]
    bench.job.acknowledged(
        "features-rejected", [note for stream, *_, note in bench.lane.emitted if stream != "signals"]
    )
    assert bench.count("hayate_features_unreadable", reason="bad-json") == 2
    assert bench.count("hayate_features_unreadable", reason="schema-mismatch") == 1
    assert bench.count("hayate_features_unreadable", reason="bad-record") == 1
    assert "features[0]@3" in caplog.text
    assert bench.process(mixed[:1]) == []


async def test_signals_are_counted_when_kafka_has_them(bench: Bench, features: list[ConsumerRecord]) -> None:
    """By action, with the time since the tick was sent; there are no rows and nothing to close."""
    bench.process(features)
    notes = [note for *_, note in bench.lane.emitted]
    bench.job.acknowledged("signals", notes)
    counts = [bench.count("hayate_signals", action=action) or 0 for action in ("buy", "sell", "hold")]
    assert sum(counts) == 90
    assert counts[2] >= 20
    assert bench.metrics.registry.get_sample_value("hayate_latency_seconds_count", {"to": "signal"}) == 90
    assert bench.job.rows() is None
    bench.job.stored()
    await bench.job.settle({})
    await bench.job.close()
