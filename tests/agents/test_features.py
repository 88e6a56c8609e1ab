"""The features agent's work on real ticks: what is emitted, rejected, stored and kept, and what a replay repeats."""

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from streams.engine import RealTimeFeatureEngine
from streams.errors import StateError
from streams.feature_set import FeatureSet
from tables.indicator_state import Row, decode_row, encode_row
from tests.agents.fake_kafka import record
from tests.agents.features_bench import SECOND, START, Bench, Clock, tick


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> RealTimeFeatureEngine:
    """The default feature set."""
    return RealTimeFeatureEngine(FeatureSet.load("classics"), cache_dir=tmp_path_factory.mktemp("kernels"))


@pytest.fixture
def bench(engine: RealTimeFeatureEngine) -> Bench:
    """A job whose table is empty."""
    return Bench(engine)


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
    again.lane.existing = first.lane.there
    begin = max(0, restart - row_ahead)  # the commit lags behind the rows
    if ticks[begin:]:
        again.process(ticks[begin:])
    assert first.lane.of("features") + again.lane.of("features") == whole.lane.of("features")
    assert again.count("hayate_ticks_repeated") == restart - begin
    again.job.rows()
    whole.job.rows()
    assert again.rows.saved == whole.rows.saved


def test_a_poisoned_tick_is_rejected_whole_and_remembered_by_nobody(
    bench: Bench, engine: RealTimeFeatureEngine
) -> None:
    """With its original bytes, key and coordinates; the state is that of a log without it."""
    ticks = history(12)
    bench.process(ticks[:5])
    bench.job.reject(bench.lane, ticks[5], "ZeroDivisionError: x")  # type: ignore[arg-type]  # `emit` is all it uses
    bench.process(ticks[6:])
    ((source, output),) = bench.lane.of("ticks-rejected")
    assert (source, output.key, output.value) == (5, ticks[5].key, ticks[5].value)
    assert dict(output.headers) == {
        "reason": b"poison",
        "detail": b"ZeroDivisionError: x",
        "topic": b"ticks",
        "partition": b"0",
        "offset": b"5",
    }
    without = Bench(engine)
    without.process([*ticks[:5], *ticks[6:]])
    assert bench.lane.of("features") == without.lane.of("features")
    bench.job.rows()
    without.job.rows()
    assert bench.rows.saved == without.rows.saved
    bench.job.acknowledged("ticks-rejected", ["poison"])
    assert bench.count("hayate_ticks_rejected", reason="poison") == 1


async def test_a_batch_that_raises_puts_nothing_into_the_store(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store comes last: nobody else can take back what it has."""
    batch = [*history(3), record("ticks", 0, 3, (b"A", b"{", ()))]

    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(bench.job, "_emit_rejection", broken)
    with pytest.raises(ZeroDivisionError):
        bench.process(batch)
    assert await bench.store.latest("A") is None


@given(
    steps=st.lists(st.tuples(st.sampled_from("ABCDE"), st.floats(0, 30), st.booleans()), min_size=1, max_size=40),
    evict_after_s=st.sampled_from([5.0, 20.0]),
)
def test_a_symbol_that_left_memory_comes_back_as_it_was(
    engine: RealTimeFeatureEngine, steps: list[tuple[str, float, bool]], evict_after_s: float
) -> None:
    """Whatever comes and goes: the same records and rows as if all had stayed."""
    clock = Clock()
    bench, whole = Bench(engine, evict_after_s=evict_after_s, clock=clock), Bench(engine)
    for offset, (symbol, pause_s, checkpoint) in enumerate(steps):
        clock.now += pause_s
        record_ = tick(offset, symbol, 100 + offset * 7 % 11)
        bench.process([record_])
        whole.process([record_])
        if checkpoint:
            bench.job.rows()
        bench.job.stored()
        in_memory = bench.metrics.registry.get_sample_value("hayate_symbols_in_memory")
        assert in_memory == len(bench.job._working._block)
        assert symbol in bench.job._working._block.symbols
    assert bench.lane.of("features") == whole.lane.of("features")
    clock.now += 100
    bench.job.rows()
    bench.job.stored()
    whole.job.rows()
    assert bench.rows.saved == whole.rows.saved
    assert len(bench.job._working._block) == 0


async def test_symbols_that_leave_are_counted(engine: RealTimeFeatureEngine) -> None:
    """Those that go for want of ticks, and not those of a partition that goes."""
    clock = Clock()
    bench = Bench(engine, evict_after_s=10.0, clock=clock)
    bench.process([tick(0, "A", 1.0), tick(1, "B", 1.0)])
    clock.now += 20
    bench.job.stored()
    assert bench.count("hayate_symbols_evicted") == 0, "their rows are not in the table yet"
    bench.job.rows()
    bench.process([tick(2, "B", 2.0)])
    clock.now += 2
    bench.job.stored()
    assert bench.count("hayate_symbols_evicted") == 1
    assert bench.job._working._block.symbols == ["B"]
    await bench.job.close()
    await bench.job.close()
    assert bench.metrics.registry.get_sample_value("hayate_symbols_in_memory") == 0
    clock.now += 100
    bench.job.stored()
    assert bench.count("hayate_symbols_evicted") == 1


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
    bench.process([record("ticks", 0, 0, (None, b'{"clock": "main", "ts_ns": 1}', (("kind", b"clock"),)))])
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
    """A store that is there is flushed, and where the features end is told; the rows' outlet is closed."""
    await bench.job.settle({"features": 7, "bars": 9})
    await bench.job.settle({})
    bench.store.up = False
    await bench.job.settle({"features": 8})
    assert bench.heard == [(0, 7), (0, None)]
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
