"""The features agent's work on real ticks: what is emitted, rejected, stored and kept, and what a replay repeats."""

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from agents.features import FeaturesJob, FeatureTopics
from agents.metrics import Metrics
from streams.engine import RealTimeFeatureEngine
from streams.errors import StateError
from streams.feature_set import FeatureSet
from streams.kafka.outlet import Record
from streams.ticks import TickDecoder
from tables.feature_store_memory import MemoryFeatureStore
from tables.indicator_state import Row, decode_row, encode_row
from tests.agents.fake_kafka import Headers, record

TOPICS = FeatureTopics("ticks", "features", "ticks-rejected")
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


class FakeLane:
    """Takes what is emitted; `existing` outputs are not written again."""

    def __init__(self) -> None:
        self.existing: set[tuple[str, int]] = set()
        self.emitted: list[tuple[str, int, Record, Any]] = []

    def emit(self, stream: str, source: int, output: Record, note: Any = None) -> bool:
        """As Lane.emit."""
        if (stream, source) in self.existing:
            return False
        self.existing.add((stream, source))
        self.emitted.append((stream, source, output, note))
        return True

    def of(self, stream: str) -> list[tuple[int, Record]]:
        """Source offset and record of each output of a stream."""
        return [(source, output) for name, source, output, _ in self.emitted if name == stream]


class FakeRows:
    """The partition's rows: those of the table, and what was written."""

    def __init__(self, saved: dict[str, bytes]) -> None:
        self.saved = saved
        self.asked: list[str] = []
        self.closed = False

    def get(self, symbol: str) -> bytes | None:
        """Saved row of a symbol."""
        self.asked.append(symbol)
        return self.saved.get(symbol)

    def write(self, rows: dict[str, bytes]) -> dict[str, bytes]:
        """What a checkpoint would write."""
        self.saved.update(rows)
        return rows

    async def close(self) -> None:
        """Nothing more."""
        self.closed = True


class Bench:
    """A job with everything around it."""

    def __init__(self, engine: RealTimeFeatureEngine, saved: dict[str, bytes] | None = None) -> None:
        self.rows = FakeRows({} if saved is None else saved)
        self.metrics = Metrics(CollectorRegistry())
        outputs = engine.feature_set.outputs
        self.store = MemoryFeatureStore(names=outputs, schema=engine.feature_set.version, clock=lambda: 0.0)
        self.lane = FakeLane()
        self.job = FeaturesJob(
            TOPICS,
            engine,
            TickDecoder(1),
            self,  # type: ignore[arg-type]  # `partition_rows` is all that it uses of the table
            self.store,
            self.metrics,
            lambda: None,
            lateness_ms=5_000,
        )
        self.job.open(0, None)

    def partition_rows(self, partition: int, producer: Callable[[], Any]) -> FakeRows:
        """As IndicatorStateTable.partition_rows."""
        assert partition == 0
        assert producer() is None
        return self.rows

    def process(self, records: Sequence[ConsumerRecord]) -> None:
        """One batch."""
        self.job.process(self.lane, records)  # type: ignore[arg-type]  # `emit` is all that it uses of the lane

    def count(self, name: str, **labels: str) -> float | None:
        """A counter."""
        return self.metrics.registry.get_sample_value(f"{name}_total", labels)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> RealTimeFeatureEngine:
    """The default feature set."""
    return RealTimeFeatureEngine(FeatureSet.load("default"), cache_dir=tmp_path_factory.mktemp("kernels"))


@pytest.fixture
def bench(engine: RealTimeFeatureEngine) -> Bench:
    """A job whose table is empty."""
    return Bench(engine)


def tick(offset: int, symbol: str, price: float, ts_ns: int | None = None, headers: Headers = ()) -> ConsumerRecord:
    """A trade, one second after the offset before it."""
    at = START + offset * SECOND if ts_ns is None else ts_ns
    body = json.dumps({"symbol": symbol, "ts_ns": at, "price": price}).encode()
    return record("ticks", 0, offset, (symbol.encode(), body, headers))


def history(count: int) -> list[ConsumerRecord]:
    """Ticks of three symbols."""
    return [tick(i, "ABC"[i % 3], 100 + (i * 7 % 11) / 8) for i in range(count)]


def test_one_record_per_tick(bench: Bench) -> None:
    """Under the tick's key and coordinates, with the indicators' values, and counted."""
    bench.process(history(30))
    outputs = bench.lane.of("features")
    assert [source for source, _ in outputs] == list(range(30))
    last = json.loads(outputs[27][1].value or b"")
    assert outputs[27][1].key == b"A"
    assert (last["id"], last["symbol"], last["ts_ns"]) == ("ticks-0-27", "A", START + 27 * SECOND)
    prices = [100 + (i * 7 % 11) / 8 for i in range(0, 28, 3)]
    assert last["price"] == prices[-1]
    assert last["values"]["sma_5"] == pytest.approx(np.mean(prices[-5:]))
    assert last["values"]["sma_20"] is None
    assert last["flags"]["sma_20"] == "warming"
    assert bench.count("hayate_ticks") == 30
    assert bench.count("hayate_ticks_repeated") == 0
    assert bench.metrics.registry.get_sample_value("hayate_batch_size_sum", {"agent": "features"}) == 30


async def test_the_store_has_the_newest_of_each_symbol(bench: Bench) -> None:
    """The same values as the record, under its id."""
    bench.process(history(30))
    newest = json.loads(bench.lane.of("features")[-1][1].value or b"")
    latest = await bench.store.latest(newest["symbol"])
    assert latest is not None
    assert (latest.id, latest.ts_ns, latest.status) == (newest["id"], newest["ts_ns"], newest["status"])
    assert latest.values == newest["values"]
    assert latest.flags == newest["flags"]
    assert await bench.store.symbols() == ["A", "B", "C"]


@given(cuts=st.lists(st.integers(1, 59), max_size=6), restart=st.integers(0, 60), row_ahead=st.integers(0, 20))
def test_a_replay_gives_the_same_bytes_and_only_what_is_missing(
    engine: RealTimeFeatureEngine, cuts: list[int], restart: int, row_ahead: int
) -> None:
    """However the log is cut, and wherever the rows were saved: begin again before them, and nothing changes."""
    ticks = history(60)
    whole = Bench(engine)
    whole.process(ticks)

    first = Bench(engine)
    bounds = sorted({0, restart, *(cut for cut in cuts if cut < restart)})
    for begin, end in pairwise(bounds):
        first.process(ticks[begin:end])
    first.job.rows()
    again = Bench(engine, dict(first.rows.saved))
    again.lane.existing = set(first.lane.existing)
    begin = max(0, restart - row_ahead)  # the commit lags behind the rows
    if ticks[begin:]:
        again.process(ticks[begin:])
    assert first.lane.of("features") + again.lane.of("features") == whole.lane.of("features")
    assert again.count("hayate_ticks_repeated") == restart - begin
    again.job.rows()
    whole.job.rows()
    assert again.rows.saved == whole.rows.saved


def test_rows_are_those_that_changed(bench: Bench, engine: RealTimeFeatureEngine) -> None:
    """Each snapshot holds what changed since the one before, as a copy."""
    assert bench.job.rows() is None
    bench.process([tick(0, "A", 1.0), tick(1, "B", 2.0)])
    rows: Any = bench.job.rows()
    assert rows.keys() == {"A", "B"}
    assert bench.job.rows() is None
    bench.process([tick(2, "B", 3.0)])
    before = rows["B"]
    second: Any = bench.job.rows()
    assert second.keys() == {"B"}
    assert rows["B"] == before != second["B"]
    feature_set = engine.feature_set
    row = decode_row(second["B"], symbol="B", layout=feature_set.layout_hash, width=feature_set.width)
    assert (row.offset, row.ts_ns) == (2, START + 2 * SECOND)
    assert bench.job.seen() == -1


def test_a_saved_row_is_read_once(engine: RealTimeFeatureEngine) -> None:
    """When its symbol is first seen."""
    first = Bench(engine)
    first.process(history(9))
    first.job.rows()
    again = Bench(engine, first.rows.saved)
    again.process(history(12))
    again.process([tick(12, "A", 5.0), tick(13, "D", 5.0)])
    assert again.rows.asked == ["A", "B", "C", "D"]


def test_a_tick_that_is_skipped_changes_no_row(engine: RealTimeFeatureEngine) -> None:
    """A replay of what the rows have already gives a checkpoint nothing to write."""
    first = Bench(engine)
    first.process(history(9))
    first.job.rows()
    again = Bench(engine, first.rows.saved)
    again.process(history(9))
    assert again.job.rows() is None
    assert again.count("hayate_ticks_repeated") == 9


def test_a_row_of_another_feature_set_is_refused(engine: RealTimeFeatureEngine) -> None:
    """Before anything is folded or emitted."""
    foreign = encode_row(Row(1, 0, 0, np.zeros(3)))
    bench = Bench(engine, {"B": foreign})
    with pytest.raises(StateError, match="state of B"):
        bench.process(history(6))
    assert bench.lane.emitted == []
    assert bench.job.rows() is None


def test_late_ticks_are_rejected_once(bench: Bench, engine: RealTimeFeatureEngine) -> None:
    """With the remedy, in log order among the other rejects; a replay knows them."""
    records = [
        tick(0, "A", 10.0),
        record("ticks", 0, 1, (b"A", b"{", ())),
        tick(2, "A", 11.0, START - 6 * SECOND),
        record("ticks", 0, 3, (b"A", b"[]", ())),
        tick(4, "A", 12.0, START - 4 * SECOND),
    ]
    bench.process(records)
    assert [source for source, _ in bench.lane.of("features")] == [0, 4]
    rejects = bench.lane.of("ticks-rejected")
    assert [source for source, _ in rejects] == [1, 2, 3]
    heads = [dict(output.headers) for _, output in rejects]
    assert [head["reason"] for head in heads] == [b"bad-json", b"late", b"invalid"]
    assert b"HAYATE_LATE=fold" in heads[1]["detail"]
    assert (heads[1]["topic"], heads[1]["partition"], heads[1]["offset"]) == (b"ticks", b"0", b"2")
    assert [(output.key, output.value) for _, output in rejects] == [
        (records[source].key, records[source].value) for source, _ in rejects
    ]
    bench.job.rows()
    again = Bench(engine, bench.rows.saved)
    again.process(records)
    assert [source for source, _ in again.lane.of("ticks-rejected")] == [1, 3]
    assert again.lane.of("features") == []
    assert again.count("hayate_ticks_repeated") == 3


def test_marks_are_counted_and_yield_nothing(bench: Bench) -> None:
    """Clock marks and reference copies."""
    bench.process([record("ticks", 0, 0, (None, b"{}", (("kind", b"clock"),)))])
    assert bench.lane.emitted == []
    assert bench.count("hayate_marks") == 1


def test_the_send_time_travels_on(bench: Bench) -> None:
    """The header is copied as it is, and its age counted when Kafka and when the store has the result."""
    bench.process([tick(0, "A", 1.0, headers=[("sent_ns", b"1700000000000000000")]), tick(1, "A", 1.0)])
    [(_, first), (_, second)] = bench.lane.of("features")
    assert list(first.headers) == [("sent_ns", b"1700000000000000000")]
    assert list(second.headers) == []
    notes = [note for _, _, _, note in bench.lane.emitted]
    assert notes == [1_700_000_000_000_000_000, 0]
    assert bench.metrics.registry.get_sample_value("hayate_latency_seconds_count", {"to": "redis"}) == 1
    bench.job.acknowledged("features", notes)
    assert bench.count("hayate_features") == 2
    assert bench.metrics.registry.get_sample_value("hayate_latency_seconds_count", {"to": "feature"}) == 1


def test_rejects_are_counted_when_kafka_has_them(bench: Bench) -> None:
    """By reason, which is the note."""
    bench.process([record("ticks", 0, i, (b"A", b"{", ())) for i in range(3)])
    assert bench.count("hayate_ticks_rejected", reason="bad-json") is None
    bench.job.acknowledged("ticks-rejected", [note for _, _, _, note in bench.lane.emitted])
    assert bench.count("hayate_ticks_rejected", reason="bad-json") == 3


async def test_settle_and_close(bench: Bench) -> None:
    """A store that is there is flushed; the rows' outlet is closed."""
    await bench.job.settle()
    await bench.job.close()
    assert bench.rows.closed


BODY = st.one_of(
    st.binary(max_size=80),
    st.fixed_dictionaries(
        {},
        optional={
            "symbol": st.one_of(st.just("A"), st.text(max_size=40), st.integers()),
            "ts_ns": st.one_of(st.integers(), st.floats(), st.text(max_size=20)),
            "ts": st.text(max_size=40),
            "price": st.one_of(st.floats(), st.integers(), st.none()),
            "bid": st.floats(),
            "ask": st.floats(),
            "side": st.text(max_size=5),
            "seq": st.one_of(st.integers(), st.text(max_size=5)),
        },
    ).map(lambda body: json.dumps(body).encode()),
)
NUMBER = st.one_of(st.binary(max_size=30), st.integers(0, 10**30).map(lambda n: b"%d" % n), st.just(b"9" * 5_000))
HEADERS = st.lists(st.tuples(st.sampled_from(["kind", "sent_ns", "x"]), st.one_of(st.none(), NUMBER)), max_size=3)


@given(st.lists(st.tuples(st.one_of(st.none(), st.just(b"A"), st.binary(max_size=9)), BODY, HEADERS), max_size=8))
def test_no_record_stops_the_agent(engine: RealTimeFeatureEngine, values: list[Any]) -> None:
    """Whatever anybody writes into the topic: each record is a feature, a reject or a mark, and the work goes on."""
    bench = Bench(engine)
    records = [record("ticks", 0, offset, value) for offset, value in enumerate(values)]
    records.append(tick(len(values), "Z", 1.0, headers=[("sent_ns", b"9" * 5_000)]))
    bench.process(records)
    assert len(bench.lane.emitted) + (bench.count("hayate_marks") or 0) == len(records)
    for stream in ("features", "ticks-rejected"):
        notes = [note for name, _, _, note in bench.lane.emitted if name == stream]
        bench.job.acknowledged(stream, notes)
