"""What the features agent makes of marks, references, history and bars; and that no crash, restart, eviction or cut of
the log changes a byte of it."""

import json
from collections import Counter
from contextlib import closing
from typing import Any, Final

import pytest
from aiokafka import ConsumerRecord
from hypothesis import event, given, settings
from hypothesis import strategies as st

from streams import layout
from streams.columns import I32, Folded, TickColumns
from streams.engine import RealTimeFeatureEngine
from streams.feature_set import FeatureSet
from streams.state_block import StateBlock
from tables.indicator_state import decode_row
from tests.agents.fake_kafka import record
from tests.agents.features_bench import (
    SECOND,
    START,
    Bench,
    Clock,
    clock_mark,
    gap_mark,
    message,
    reference,
    tick,
    warm,
)
from tests.agents.features_model import Partition

EVERYTHING: Final = FeatureSet.of(
    "everything",
    "sma_3",
    "mid",
    "intensity_5",
    "beta_4~one",
    "sma_2@5s",
    "rel_strength_2@5s~two",
    "rsi_3@1m.live",
    "sma_2@3t",
    "ema_3@4v.live",
    bars=["5s", "30s", "500d"],
    references={"one": "REF", "two": "REF", "three": "OTHER"},
    gaps={"silence_s": 40, "sequence": True},
    stale={"trade_s": 20, "quote_s": 10, "bar_s": 40},
)
SYMBOLS: Final = "ABCD"
CLOCKS: Final = {"A": "main", "B": "main", "C": "sim"}
PAUSES_S: Final = (0.0, 0.001, 0.5, 1.0, 1.0, 3.0, 5.0, 31.0, 61.0)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> RealTimeFeatureEngine:
    """Of EVERYTHING."""
    return RealTimeFeatureEngine(EVERYTHING, cache_dir=tmp_path_factory.mktemp("kernels"))


@pytest.fixture
def bench(engine: RealTimeFeatureEngine) -> Bench:
    """A job whose table is empty."""
    return Bench(engine)


_EVENTS: Final = (
    *["trade"] * 10,
    *["quote", "both", "late", "early", "warm", "late warm", "jump", "gap", "bad", "bad mark"],
    *["mark"] * 4,
    *["sim mark", "past mark", "future mark", "stranger's mark"],
    *["reference"] * 2,
    *["other reference", "stranger's reference", "quoted reference"],
)


_MARKS: Final = {
    "mark": ("main", 0),
    "sim mark": ("sim", 0),
    "past mark": ("main", -60),
    "future mark": ("main", 40),
    "stranger's mark": ("stranger", 100),
    "bad mark": ("main", -(10**10)),
}
"""Clock, and seconds after now."""
_COPIES: Final = {
    "reference": "REF",
    "quoted reference": "REF",
    "other reference": "OTHER",
    "stranger's reference": "A",
}
_BEHIND_S: Final = {"late": 9, "late warm": 9, "early": 2}


@st.composite
def logs(draw: st.DrawFn) -> list[ConsumerRecord]:
    """Everything that a partition may hold. Offsets have holes, as transactions leave them."""
    drawn = draw(
        st.lists(
            st.tuples(
                st.sampled_from(_EVENTS), st.sampled_from(SYMBOLS), st.sampled_from(PAUSES_S), st.integers(0, 15)
            ),
            min_size=10,
            max_size=100,
        )
    )
    log: list[ConsumerRecord] = []
    now, seq = START, dict.fromkeys(SYMBOLS, 0)
    for what, symbol, pause_s, number in drawn:
        now += round(pause_s * SECOND)
        offset = log[-1].offset + 1 + (number == 7) if log else 0
        log.append(_record(what, offset, symbol, now, number, seq))
    return log


def _record(what: str, offset: int, symbol: str, now: int, number: int, seq: dict[str, int]) -> ConsumerRecord:
    if what in _MARKS:
        clock, later_s = _MARKS[what]
        return clock_mark(offset, now + later_s * SECOND, clock)
    if what in _COPIES:
        return reference(offset, _COPIES[what], None if what == "quoted reference" else 100 + number / 4)
    if what == "gap":
        return gap_mark(offset, symbol, now)
    if what == "bad":
        return record("ticks", 0, offset, (symbol.encode(), b"{", ()))
    price = 100 + number / 4
    seq[symbol] += 2 if what == "jump" else 1
    body: dict[str, Any] = {"symbol": symbol, "ts_ns": now, "price": price, "size": number % 3}
    # D belongs now to one clock, now to the other.
    body["clock"] = CLOCKS.get(symbol, ("main", "sim")[number % 2])
    if number % 4:
        body["seq"] = seq[symbol]
    if what == "quote":
        del body["price"]
    if what in {"quote", "both"}:
        body |= {"bid": price - 1, "ask": price + 1, "bid_size": number}
    body["ts_ns"] -= _BEHIND_S.get(what, 0) * SECOND
    return message(offset, symbol, body, [("kind", b"warm")] if "warm" in what else [("sent_ns", b"%d" % now)])


_SHARE = st.sampled_from([0.0, 0.3, 0.5, 0.8, 1.0])
_DEEDS = st.one_of(
    st.tuples(st.just("batch"), st.integers(1, 20)),
    st.tuples(st.just("batch"), st.integers(1, 20)),
    st.tuples(st.just("begin")),
    st.tuples(st.just("finish")),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 6.0])),
    st.tuples(st.just("evict"), st.sampled_from([0, 0, 1, 4])),
    st.tuples(st.just("evict"), st.sampled_from([0, 0, 1, 4])),
    st.tuples(st.just("torn"), st.integers(0, 8), _SHARE, st.tuples(_SHARE, _SHARE, _SHARE), st.booleans()),
    st.tuples(st.just("torn"), st.integers(0, 8), _SHARE, st.tuples(_SHARE, _SHARE, _SHARE), st.booleans()),
    st.tuples(st.just("crash"), _SHARE, st.tuples(_SHARE, _SHARE, _SHARE), st.booleans()),
    st.tuples(st.just("restart"), _SHARE, st.booleans()),
)


def do(partition: Partition, deed: tuple[Any, ...]) -> None:
    """One of `_DEEDS`."""
    match deed:
        case ("batch", count):
            partition.batch(count)
        case ("begin",):
            partition.begin()
        case ("finish",):
            partition.finish()
        case ("wait", seconds):
            partition.clock.now += seconds
        case ("evict", count):
            partition.finish()
            partition.begin()
            partition.batch(count)
            partition.clock.now += 10
            partition.finish()
        case ("torn", count, rows, outputs, commits):
            partition.finish()
            partition.batch(count)
            partition.begin()
            partition.batch(count // 2)
            partition.crash(rows, outputs, commits=commits)
        case ("crash", rows, outputs, commits):
            partition.crash(rows, outputs, commits=commits)
        case ("restart", rows, commits):
            partition.restart(rows, commits=commits)


@settings(max_examples=150)
@given(log=logs(), deeds=st.lists(_DEEDS, min_size=4, max_size=30))
def test_nothing_that_happens_to_a_worker_is_seen(
    engine: RealTimeFeatureEngine, log: list[ConsumerRecord], deeds: list[tuple[Any, ...]]
) -> None:
    """Cuts, evictions, crashes at every point of a checkpoint, restarts: every output stream is byte for byte, header
    for header and in order that of one run over the whole log, and so are the rows."""
    with (
        closing(Partition(engine, log, evict_after_s=0.0)) as whole,
        closing(Partition(engine, log, evict_after_s=5.0)) as partition,
    ):
        whole.complete()
        for deed in deeds:
            do(partition, deed)
        partition.complete()
        event(f"crashes: {min(3, sum(deed[0] in {'crash', 'torn'} for deed in deeds))}")
        event(f"bars: {min(3, len(whole.outputs()['bars']))}, evicted: {min(3, int(partition.evicted))}")
        assert partition.outputs() == whole.outputs()
        assert partition.rows() == whole.rows()


def _bars(bench: Bench, interval: str) -> list[tuple[int, dict[str, Any]]]:
    return [(source, bar) for source, bar in bench.bars() if bar["interval"] == interval]


def _open_trades(engine: RealTimeFeatureEngine, rows: dict[str, bytes]) -> Counter[tuple[str, str]]:
    """(Symbol, interval) -> trades in the open bar."""
    found: Counter[tuple[str, str]] = Counter()
    of = engine.feature_set
    for symbol, value in rows.items():
        if symbol in SYMBOLS:
            state = decode_row(value, symbol=symbol, layout=of.layout_hash, width=of.width).state
            for interval, at in zip(of.intervals, of.layout.bars, strict=True):
                found[symbol, interval.name] += int(state[at + layout.BAR_TRADES])
    return found


@given(log=logs())
def test_every_trade_is_in_one_bar_of_each_interval(engine: RealTimeFeatureEngine, log: list[ConsumerRecord]) -> None:
    """Of the accepted ones, without history: in a closed bar or in the one that is open. No id comes twice, and what a
    bar says of itself can be."""
    log = [one for one in log if ("kind", b"warm") not in one.headers]
    bench = Bench(engine)
    bench.process(log)
    bench.job.rows()
    bodies = {one.offset: json.loads(one.value or b"") for one in log if one.value != b"{"}
    accepted = [bodies[source] for source, _ in bench.lane.of("features")]
    trades = Counter(body["symbol"] for body in accepted if "price" in body)
    found = _open_trades(engine, bench.rows.saved)
    ids = Counter(bar["id"] for _, bar in bench.bars())
    assert set(ids.values()) <= {1}
    for source, bar in bench.bars():
        found[bar["symbol"], bar["interval"]] += bar["trades"]
        assert bar["low"] <= min(bar["open"], bar["close"]) <= max(bar["open"], bar["close"]) <= bar["high"]
        assert bar["start_ns"] <= bar["end_ns"]
        assert source in bodies
    assert found == Counter({(s, i.name): trades[s] for s in trades for i in EVERYTHING.intervals})


def test_a_bar_that_a_mark_closes_names_the_mark(bench: Bench) -> None:
    """Its offset is the `src`, the symbol the key; it closes once, at the first mark that is past the grace."""
    end = START + 5 * SECOND
    bench.process([tick(0, "A", 10.0, START), tick(1, "A", 12.0, START + SECOND), tick(2, "B", 7.0, START)])
    bench.process([clock_mark(3, end + SECOND - 1), clock_mark(4, end + SECOND), clock_mark(5, end + 2 * SECOND)])
    bench.process([tick(6, "A", 11.0, end + 3 * SECOND)])
    (first, a), (second, b) = _bars(bench, "5s")
    assert (first, second) == (4, 4)
    assert (a["id"], b["id"]) == (f"A|5s|{START}", f"B|5s|{START}")
    assert (a["open"], a["high"], a["close"], a["trades"]) == (10.0, 12.0, 12.0, 2)
    assert (a["start_ns"], a["end_ns"], a["schema"]) == (START, end, EVERYTHING.version)
    assert [output.key for source, output in bench.lane.of("bars") if source == 4] == [b"A", b"B"]
    assert [part for stream, source, part in bench.lane.parts if (stream, source) == ("bars", 4)] == [a["id"], b["id"]]
    assert [source for source, _ in bench.lane.of("features")] == [0, 1, 2, 6]
    assert bench.count("hayate_marks") == 3
    bench.job.acknowledged("bars", [None, None])
    assert bench.count("hayate_bars") == 2


def test_a_mark_closes_its_bars_between_the_ticks_around_it(bench: Bench) -> None:
    """One in the middle of a batch: what is before it is in the bar, what is after it in the next."""
    end = START + 5 * SECOND
    bench.process(
        [
            tick(0, "A", 10.0, START),
            tick(1, "B", 20.0, START),
            tick(2, "A", 11.0, START + SECOND),
            clock_mark(3, end + SECOND),
            tick(4, "A", 12.0, START + 2 * SECOND),  # behind the watermark: taken as of the end of the bar that closed
            tick(5, "B", 21.0, end + SECOND),
            clock_mark(6, end + 6 * SECOND),
        ]
    )
    bars = [(source, bar["symbol"], bar["start_ns"], bar["trades"]) for source, bar in _bars(bench, "5s")]
    assert bars == [(3, "A", START, 2), (3, "B", START, 1), (6, "A", end, 1), (6, "B", end, 1)]
    assert [source for source, _ in bench.lane.of("features")] == [0, 1, 2, 4, 5]


def test_marks_that_concern_nobody(bench: Bench) -> None:
    """Before any tick, of another clock, of the past, or with nothing open: no output, no row, nothing loaded."""
    far = START + 1_000 * SECOND
    bench.process([clock_mark(0, far), clock_mark(1, far, "sim")])
    assert bench.job.rows() is None
    bench.process([tick(2, "A", 10.0, START)])
    before: Any = bench.job.rows()
    bench.process([clock_mark(3, far, "sim"), clock_mark(4, START - 60 * SECOND), clock_mark(5, START + 5 * SECOND)])
    assert bench.lane.of("bars") == []
    assert bench.job.rows() is None
    bench.process([clock_mark(6, far)])
    assert [source for source, _ in bench.lane.of("bars")] == [6, 6, 6]
    after: Any = bench.job.rows()
    assert (before.keys(), after.keys()) == ({"A"}, {"A"})
    bench.process([clock_mark(7, far + SECOND)])
    assert bench.job.rows() is None, "a mark that closes nothing leaves the row as it is"
    assert bench.rows.asked == ["\0references", "A"]
    assert bench.count("hayate_marks") == 7
    assert bench.count("hayate_ticks_repeated") == 0


def test_a_symbol_belongs_to_the_clock_of_its_last_tick(bench: Bench) -> None:
    """Also one that changes it while a bar is open."""
    bench.process([message(0, "A", {"symbol": "A", "ts_ns": START, "price": 1.0, "clock": "sim"}), tick(1, "A", 2.0)])
    bench.process([clock_mark(2, START + 60 * SECOND, "sim")])
    assert bench.lane.of("bars") == []
    bench.process([clock_mark(3, START + 6 * SECOND)])
    assert [(source, bar["trades"]) for source, bar in bench.bars()] == [(3, 2)]


def test_history_closes_bars_and_shows_none(bench: Bench, engine: RealTimeFeatureEngine) -> None:
    """A tick of the warm-up is in the state and in no output; the bar that a live tick closes has it."""
    bench.process([warm(0, "A", 10.0, START), warm(1, "A", 11.0, START + 6 * SECOND)])
    assert bench.lane.emitted == []
    assert bench.count("hayate_ticks_warm") == 2
    bench.process([tick(2, "A", 12.0, START + 12 * SECOND)])
    ((source, bar),) = _bars(bench, "5s")
    assert (source, bar["id"], bar["close"], bar["trades"]) == (2, f"A|5s|{START + 5 * SECOND}", 11.0, 1)
    ((_, output),) = bench.lane.of("features")
    values = json.loads(output.value or b"")["values"]
    assert values["sma_3"] == pytest.approx(11.0)
    assert values["sma_2@5s"] == pytest.approx(10.5)
    bench.job.rows()
    again = Bench(engine, bench.rows.saved)
    again.process([warm(0, "A", 10.0, START), warm(1, "A", 11.0, START + 6 * SECOND)])
    assert again.count("hayate_ticks_warm") == 0
    assert again.count("hayate_ticks_repeated") == 2
    assert again.job.rows() is None


def test_history_that_is_late_is_rejected(bench: Bench) -> None:
    """Behind live ticks it comes too late, and says so."""
    bench.process([tick(0, "A", 10.0, START), warm(1, "A", 11.0, START - 6 * SECOND)])
    ((source, output),) = bench.lane.of("ticks-rejected")
    assert (source, dict(output.headers)["reason"]) == (1, b"late")


@pytest.mark.parametrize("restart", [False, True])
def test_a_mark_wakes_symbols_that_left_memory_once(engine: RealTimeFeatureEngine, restart: bool) -> None:
    """Evicted, or not seen since a restart: those whose bar it closes come back, the others stay where they are."""
    clock = Clock()
    bench = Bench(engine, evict_after_s=10.0, clock=clock)
    early, late = START, START + 100 * SECOND
    bench.process([tick(i, symbol, 1.0, ts) for i, (symbol, ts) in enumerate(zip("ABC", (early, late, early)))])  # noqa: B905 - three
    bench.process([message(3, "D", {"symbol": "D", "ts_ns": early, "price": 1.0, "clock": "sim"})])
    if restart:
        bench.job.rows()
        saved = bench.rows.saved
        bench = Bench(engine, saved, evict_after_s=10.0, clock=clock)
    else:
        bench.job.rows()
        clock.now += 20
        bench.job.stored()
    assert bench.in_memory == []
    bench.rows.asked.clear()
    bench.process([clock_mark(4, early + 5 * SECOND)])
    assert bench.rows.asked == []
    bench.process([clock_mark(5, early + 6 * SECOND), clock_mark(6, early + 6 * SECOND + 1)])
    assert bench.rows.asked == ["A", "C"]
    assert [(source, bar["symbol"]) for source, bar in bench.bars()] == [(5, "A"), (5, "C")]
    assert bench.in_memory == ["A", "C"]
    # They sleep on, with a longer bar open, until a mark closes that.
    bench.job.rows()
    clock.now += 20
    bench.job.stored()
    assert bench.in_memory == []
    bench.process([clock_mark(7, early + 11 * SECOND)])
    assert [(source, bar["symbol"], bar["interval"]) for source, bar in bench.bars()[2:]] == [
        (7, "A", "30s"),
        (7, "C", "30s"),
    ]
    bench.process([clock_mark(8, early + 1_000 * SECOND, "sim")])
    assert [bar["symbol"] for source, bar in bench.bars() if source == 8] == ["D"] * 3
    bench.process([clock_mark(9, late + 1_000 * SECOND)])
    assert [(bar["symbol"], bar["interval"]) for source, bar in bench.bars() if source == 9] == [
        ("A", "1m"),
        ("B", "5s"),
        ("B", "30s"),
        ("B", "1m"),
        ("C", "1m"),
    ]
    bench.process([clock_mark(10, late + 2_000 * SECOND, name) for name in ("main", "sim")])
    assert [source for source, _ in bench.bars()][-1] == 9


def test_references_reach_every_alias_and_survive_a_restart(engine: RealTimeFeatureEngine) -> None:
    """`one` and `two` are one symbol. Each tick meets the price before it, also after a restart that replays."""
    log = [reference(0, "REF", 50.0)]
    for i in range(1, 40, 4):
        at = START + i * SECOND
        log += [
            tick(i, "A", 100.0 + i % 3, at),
            reference(i + 1, "REF", 50.0 + i % 5, at),
            tick(i + 2, "A", 100.0 + i % 7, at + SECOND),
            reference(i + 3, "OTHER", 7.0, at),
        ]
    whole = Bench(engine)
    whole.process(log)
    whole.job.rows()
    last = json.loads(whole.lane.of("features")[-1][1].value or b"")
    assert last["values"]["beta_4~one"] is not None
    assert last["values"]["rel_strength_2@5s~two"] is not None
    assert last["flags"].get("beta_4~one") is None
    without = Bench(engine)
    without.process([one for one in log if ("kind", b"reference") not in one.headers])
    blind = json.loads(without.lane.of("features")[-1][1].value or b"")
    assert blind["values"]["beta_4~one"] is None

    for cut, behind in ((17, 0), (17, 9), (18, 1), (20, 20), (40, 3)):
        first = Bench(engine)
        first.process(log[:cut])
        rows: Any = first.job.rows()
        assert list(rows)[-1] == "\0references", "its prices are there only when all that were made with them are"
        assert first.job.rows() is None
        again = Bench(engine, first.rows.saved)
        again.lane.existing = first.lane.there
        again.process(log[cut - behind :])
        for stream in ("features", "bars"):
            assert first.lane.of(stream) + again.lane.of(stream) == whole.lane.of(stream)
        again.job.rows()
        assert again.rows.saved == whole.rows.saved


def test_a_copy_that_says_nothing_changes_no_price(bench: Bench) -> None:
    """A quote of the reference symbol, a symbol nobody compares with, a copy that is no tick."""
    bench.process([reference(0, "REF", 50.0), reference(1, "REF", None), reference(2, "NOBODY", 3.0)])
    bench.process([message(3, "REF", {"symbol": "REF", "price": 9.0}, [("kind", b"reference")])])
    assert bench.job._working._references._prices.tolist()[:2] == [50.0, 50.0]
    assert [source for source, _ in bench.lane.of("ticks-rejected")] == [3]


async def test_gaps_and_late_trades_are_counted_once(engine: RealTimeFeatureEngine) -> None:
    """By what told them, whatever is evicted, loaded again or closed."""
    clock = Clock()
    bench = Bench(engine, evict_after_s=10.0, clock=clock)
    body = {"symbol": "A", "price": 1.0}
    bench.process(
        [
            message(0, "A", {**body, "ts_ns": START, "seq": 1}),
            message(1, "A", {**body, "ts_ns": START + SECOND, "seq": 3}),
            gap_mark(2, "A", START + SECOND),
            message(3, "A", {**body, "ts_ns": START + 51 * SECOND, "seq": 4}),
            message(4, "A", {**body, "ts_ns": START + 49 * SECOND, "seq": 5}),
            gap_mark(5, "B", START),
        ]
    )

    def counted() -> list[float | None]:
        kinds = [bench.count("hayate_gaps", by=by) for by in ("silence", "sequence", "mark")]
        return [*kinds, bench.count("hayate_late_into_bar")]

    bench.job.rows()
    assert counted() == [1, 1, 2, 1]
    clock.now += 20
    bench.job.stored()
    assert bench.in_memory == []
    bench.process([gap_mark(6, "A", START + 60 * SECOND)])
    bench.job.rows()
    assert counted() == [1, 1, 3, 1]
    saved = bench.rows.saved
    await bench.job.close()
    await bench.job.close()
    assert counted() == [1, 1, 3, 1]
    again = Bench(engine, saved)
    again.process([gap_mark(6, "A", START + 60 * SECOND), gap_mark(7, "A", START + 61 * SECOND)])
    again.job.rows()
    assert again.count("hayate_gaps", by="mark") == 1


def test_thousands_of_symbols_are_due_at_one_mark(
    engine: RealTimeFeatureEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One fold for all of them, and no further look at them at the marks after it."""
    symbols = [f"S{i:05}" for i in range(3_000)]
    bench = Bench(engine)
    bench.process([tick(i, symbol, 1.0 + i, START) for i, symbol in enumerate(symbols)])
    folds: list[int] = []
    fold = engine.fold

    def counted(block: StateBlock, rows: I32, columns: TickColumns) -> Folded:
        folds.append(len(rows))
        return fold(block, rows, columns)

    monkeypatch.setattr(engine, "fold", counted)
    bench.process([clock_mark(3_000 + i, START + (6 + i % 3) * SECOND) for i in range(50)])
    assert folds == [3_000]
    assert [(source, bar["symbol"], bar["open"]) for source, bar in bench.bars()] == [
        (3_000, symbol, 1.0 + i) for i, symbol in enumerate(symbols)
    ]
