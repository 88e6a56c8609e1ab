"""The rows of one partition in memory: how a batch is cut, who is due, what is loaded, saved and let go."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from agents.metrics import Metrics
from agents.reference_prices import REFERENCES
from agents.working_rows import Part, WorkingRows
from streams.columns import CLOCK, MARKED, SKIPPED
from streams.engine import RealTimeFeatureEngine
from streams.errors import StateError
from streams.feature_set import FeatureSet
from streams.layout import JUMP
from streams.ticks import TickDecoder
from tables.indicator_state import Row, decode_row, encode_row
from tests.agents.features_bench import SECOND, START, Clock, FakeRows, clock_mark, gap_mark, message, reference, tick

TIMED = FeatureSet.of("timed", "sma_2", bars=["5s", "1m"], references={"one": "REF"})
PLAIN = FeatureSet.of("plain", "sma_2", bars=["2t"])


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled once."""
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture(scope="module")
def timed(kernels: Path) -> RealTimeFeatureEngine:
    """With time bars and a reference."""
    return RealTimeFeatureEngine(TIMED, cache_dir=kernels)


@pytest.fixture(scope="module")
def plain(kernels: Path) -> RealTimeFeatureEngine:
    """With neither."""
    return RealTimeFeatureEngine(PLAIN, cache_dir=kernels)


class Case:
    """Working rows over a table."""

    def __init__(
        self, engine: RealTimeFeatureEngine, saved: dict[str, bytes] | None = None, *, evict_after_s: float = 0.0
    ) -> None:
        self.clock = Clock()
        self.table = FakeRows({} if saved is None else saved)
        self.metrics = Metrics(CollectorRegistry())
        self.working = WorkingRows(engine, self.metrics, evict_after_s=evict_after_s, clock=self.clock)
        self.working.open(self.table)  # type: ignore[arg-type]  # an in-memory twin of PartitionRows

    def fold(self, *records: ConsumerRecord) -> list[Part]:
        """One batch."""
        return list(self.working.fold(TickDecoder(1).decode(records)))

    def rows(self) -> Any:
        """What a checkpoint writes; the table has it then."""
        return self.working.rows()

    def let_go(self) -> None:
        """After a quarter of an hour."""
        self.clock.now += 900
        self.working.let_go()

    @property
    def in_memory(self) -> float | None:
        """Symbols, as counted."""
        return self.metrics.registry.get_sample_value("hayate_symbols_in_memory")


def shape(parts: Sequence[Part]) -> list[tuple[list[int], list[str], int]]:
    """Offsets, symbols and number of records of each part."""
    return [(part.columns.offset.tolist(), list(part.symbols), len(part.records)) for part in parts]


def at(seconds: float) -> int:
    """Nanoseconds."""
    return START + round(seconds * SECOND)


def test_a_batch_is_cut_where_a_mark_has_something_to_close_and_no_part_is_empty(timed: RealTimeFeatureEngine) -> None:
    """A mark stands behind the ticks before it; one that closes nothing only cuts."""
    case = Case(timed)
    parts = case.fold(
        clock_mark(0, at(1_000)),
        tick(1, "A", 1.0, at(0)),
        tick(2, "B", 1.0, at(7)),
        clock_mark(3, at(6)),
        clock_mark(4, at(6)),
        tick(5, "A", 1.0, at(8)),
        clock_mark(6, at(16)),
    )
    assert shape(parts) == [
        ([1, 2], ["A", "B"], 2),
        ([3], ["A"], 0),
        ([5], ["A"], 1),
        ([6, 6], ["A", "B"], 0),
    ]
    assert [part.folded.verdict.tolist() for part in parts] == [[0, 0], [MARKED], [0], [MARKED, MARKED]]
    assert parts[3].columns.kind.tolist() == [CLOCK, CLOCK]
    assert case.fold(clock_mark(7, at(16))) == []
    assert case.fold() == []


def test_a_set_without_time_bars_looks_at_no_mark_and_no_row(
    plain: RealTimeFeatureEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor for references: rows are read when their symbols come."""
    first = Case(plain)
    first.fold(tick(0, "A", 1.0), tick(1, "B", 1.0))
    assert first.rows().keys() == {"A", "B"}

    def unwanted(_: FakeRows) -> None:
        raise AssertionError("every row was read")

    monkeypatch.setattr(FakeRows, "items", unwanted)
    again = Case(plain, first.table.saved)
    parts = again.fold(clock_mark(2, at(1_000)), reference(3, "REF", 9.0), tick(4, "A", 1.0), clock_mark(5, at(2_000)))
    assert shape(parts) == [([4], ["A"], 1)]
    assert len(parts[0].folded.bars) == 1, "its second trade"
    assert again.table.asked == ["A"]
    assert again.rows().keys() == {"A"}


def test_due_symbols_come_by_name_wherever_they_are(timed: RealTimeFeatureEngine) -> None:
    """In memory or asleep: the order is that of a replay that finds them elsewhere."""
    case = Case(timed, evict_after_s=10.0)
    case.fold(*(tick(i, symbol, 1.0, at(0)) for i, symbol in enumerate("DBCA")))
    case.rows()
    case.let_go()
    assert case.in_memory == 0
    case.fold(tick(4, "C", 1.0, at(1)), tick(5, "AA", 1.0, at(1)))
    assert case.in_memory == 2
    (part,) = case.fold(clock_mark(6, at(6)))
    assert part.symbols == ["A", "AA", "B", "C", "D"]
    assert case.in_memory == 5
    replay = Case(timed, case.table.saved)
    replay.fold(tick(4, "C", 1.0, at(1)), tick(5, "AA", 1.0, at(1)))
    assert replay.fold(clock_mark(6, at(6)))[0].symbols == part.symbols


def test_a_replayed_mark_closes_nothing_of_rows_that_are_ahead_of_it(timed: RealTimeFeatureEngine) -> None:
    """Rows may be ahead of the commit: the bar that is open in them was opened behind the mark."""
    first = Case(timed)
    log = [clock_mark(0, at(1_000)), tick(1, "A", 1.0, at(0)), clock_mark(2, at(4))]
    assert shape(first.fold(*log)) == [([1], ["A"], 1)]
    first.rows()
    again = Case(timed, first.table.saved)
    assert [part.folded.verdict.tolist() for part in again.fold(*log)] == [[SKIPPED], [SKIPPED]]
    assert again.rows() is None
    (part,) = again.fold(clock_mark(3, at(6)))
    assert (part.folded.verdict.tolist(), len(part.folded.bars)) == ([MARKED], 1)


def test_what_a_replay_knows_is_not_written_again(timed: RealTimeFeatureEngine) -> None:
    """Copies as well as ticks."""
    log = [reference(0, "REF", 5.0), tick(1, "A", 1.0), reference(2, "REF", 6.0), reference(3, "REF", None)]
    first = Case(timed)
    first.fold(*log)
    assert list(first.rows()) == ["A", REFERENCES]
    again = Case(timed, first.table.saved)
    again.fold(*log)
    assert again.rows() is None
    again.fold(reference(4, "REF", 7.0))
    (only,) = again.rows().items()
    row = decode_row(only[1], symbol=only[0], layout=TIMED.layout_hash, width=1 + JUMP)
    assert (only[0], row.offset, row.state.tolist()) == (REFERENCES, 4, [7.0, *[0.0] * JUMP])


def test_each_tick_meets_the_copy_before_it(timed: RealTimeFeatureEngine) -> None:
    """Whether they come in one batch or in several, behind a mark that cuts, or after none."""
    case = Case(timed)
    parts = case.fold(
        tick(0, "A", 1.0, at(0)),
        reference(1, "REF", 5.0),
        tick(2, "A", 1.0, at(1)),
        clock_mark(3, at(6)),
        reference(4, "REF", 6.0),
        reference(5, "REF", 7.0),
        tick(6, "A", 1.0, at(7)),
    )
    met = [price for part in parts if part.records for price in part.columns.reference[:, 0].tolist()]
    assert np.isnan(met[0])
    assert met[1:] == [5.0, 7.0]
    assert case.fold(tick(7, "A", 1.0, at(8)))[0].columns.reference.tolist() == [[7.0]]


def test_a_symbol_that_has_no_row_yet_stays(timed: RealTimeFeatureEngine) -> None:
    """It would be lost: its row is in no table. So would what came since the last snapshot."""
    case = Case(timed, evict_after_s=10.0)
    case.fold(gap_mark(0, "A", at(0)), tick(1, "B", 1.0))
    case.let_go()
    assert case.in_memory == 2
    case.rows()
    case.fold(tick(2, "B", 1.0))
    case.let_go()
    assert (case.in_memory, list(case.working.symbols)) == (1, ["B"])


def test_a_row_of_another_set_is_refused_at_the_start(timed: RealTimeFeatureEngine) -> None:
    """Marks must not wait for the first tick to say so."""
    with pytest.raises(StateError, match=r"state of A: layout 0000000000000001"):
        Case(timed, {"A": encode_row(Row(1, 0, 0, np.zeros(1)))})


def test_reference_prices_of_another_set_are_unknown_until_they_come_again(timed: RealTimeFeatureEngine) -> None:
    """The columns may be those of other symbols."""
    case = Case(timed, {REFERENCES: encode_row(Row(1, 50, 0, np.full(1, 9.0)))})
    first, second = (
        case.fold(tick(51, "A", 1.0, at(0))),
        case.fold(reference(52, "REF", 5.0), tick(53, "A", 1.0, at(1))),
    )
    assert np.isnan(first[0].columns.reference).all()
    assert second[0].columns.reference.tolist() == [[5.0]]
    row = decode_row(case.rows()[REFERENCES], symbol=REFERENCES, layout=TIMED.layout_hash, width=1 + JUMP)
    assert (row.offset, row.state.tolist()) == (52, [5.0, *[0.0] * JUMP])


async def test_closed_rows_are_forgotten(timed: RealTimeFeatureEngine) -> None:
    """Twice does no harm, and nothing is let go any more."""
    case = Case(timed, evict_after_s=10.0)
    case.fold(gap_mark(0, "A", at(0)), tick(1, "B", 1.0))
    case.rows()
    await case.working.close()
    await case.working.close()
    assert case.table.closed
    assert case.in_memory == 0
    case.let_go()
    assert case.in_memory == 0
    assert case.metrics.registry.get_sample_value("hayate_gaps_total", {"by": "mark"}) == 1


async def test_rows_that_were_never_opened(timed: RealTimeFeatureEngine) -> None:
    """A lane that fails while it opens closes its job."""
    working = WorkingRows(timed, Metrics(CollectorRegistry()))
    assert working.rows() is None
    await working.close()


@given(
    trades=st.lists(
        st.tuples(st.sampled_from("ABC"), st.integers(0, 40), st.sampled_from(["x", "y"])), min_size=1, max_size=12
    ),
    marks=st.lists(st.tuples(st.integers(0, 120), st.sampled_from(["x", "y"])), max_size=6),
    evict=st.booleans(),
)
def test_who_is_due_is_who_has_an_open_bar_that_ended(
    timed: RealTimeFeatureEngine,
    trades: list[tuple[str, int, str]],
    marks: list[tuple[int, str]],
    evict: bool,
) -> None:
    """By the definition, bar for bar; in memory and asleep."""
    case = Case(timed, evict_after_s=10.0)
    opened: dict[tuple[str, int], int] = {}
    last: dict[str, int] = {}
    clocks: dict[str, str] = {}
    begin_s = START // SECOND
    for offset, (symbol, second, clock) in enumerate(trades):
        now = max(begin_s + second, last.get(symbol, 0))
        if begin_s + second < last.get(symbol, 0) - 5:
            continue  # late
        case.fold(message(offset, symbol, {"symbol": symbol, "ts_ns": at(second), "price": 1.0, "clock": clock}))
        last[symbol], clocks[symbol] = now, clock
        for size in (5, 60):
            if opened.get((symbol, size), now) + size <= now or (symbol, size) not in opened:
                opened[symbol, size] = now // size * size
    if evict:
        case.rows()
        case.let_go()
    for number, (second, clock) in enumerate(marks):
        ended = [
            key for key, start in opened.items() if clocks[key[0]] == clock and start + key[1] + 1 <= begin_s + second
        ]
        parts = case.fold(clock_mark(100 + number, at(second), clock))
        assert [symbol for part in parts for symbol in part.symbols] == sorted({symbol for symbol, _ in ended})
        assert sum(len(part.folded.bars) for part in parts) == len(ended)
        for key in ended:
            del opened[key]
