"""Clock marks in the time of the ticks: replayed, simulated, paced."""

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.feeds.clock_marks import MAX_IN_PAUSE, Marked, S, with_clock_marks
from streams.feeds.pace import Pace, Pacer
from streams.feeds.run import replay, run_simulation
from streams.feeds.sink import MemorySink
from streams.marks import ClockMark
from streams.records import Tick
from tests.streams.feeds.fake_clock import WALL_NS, FakeClock

T = 1_700_000_000 * S


def ticks_at(*seconds: float, clock: str = "main") -> list[Tick]:
    return [Tick("A", T + round(at * S), price=1.0, clock=clock) for at in seconds]


def short(items: Any) -> list[object]:
    """Marks as their second, ticks as `t`."""
    return [(item.ts_ns - T) // S if isinstance(item, ClockMark) else "t" for item in items]


def test_a_mark_stands_before_the_first_tick_of_its_second() -> None:
    marked = with_clock_marks(ticks_at(0.2, 0.9, 1.0, 3.5))
    assert short(marked) == ["t", "t", 1, "t", 2, 3, "t", 4]
    assert short(with_clock_marks([])) == []


def test_a_long_pause_has_one_mark_at_its_end() -> None:
    assert short(with_clock_marks(ticks_at(0, MAX_IN_PAUSE + 1))) == ["t", MAX_IN_PAUSE + 1, "t", MAX_IN_PAUSE + 2]
    assert short(with_clock_marks(ticks_at(0, 4), 3)) == ["t", 4, "t", 5]
    assert short(with_clock_marks(ticks_at(0, 3), 3)) == ["t", 1, 2, 3, "t", 4]


times = st.lists(st.tuples(st.integers(0, 400 * S), st.sampled_from(["main", "v"])), max_size=80)


@given(times, st.integers(0, 100))
def test_no_tick_behind_a_mark_is_older(moments: list[tuple[int, str]], longest: int) -> None:
    ticks = [Tick("A", T + at, price=1.0, clock=clock) for at, clock in sorted(moments)]
    marked: list[Marked] = list(with_clock_marks(ticks, longest))
    assert [item for item in marked if isinstance(item, Tick)] == ticks
    for clock in ("main", "v"):
        passed = 0
        for item in marked:
            if item.clock != clock:
                continue
            assert item.ts_ns is not None
            assert item.ts_ns >= passed
            if isinstance(item, ClockMark):
                assert item.ts_ns > passed, "one a second"
                passed = item.ts_ns
        newest = max((tick.ts_ns or 0 for tick in ticks if tick.clock == clock), default=0)
        assert passed == (newest // S + 1) * S if newest else passed == 0


def test_an_old_tick_moves_nothing() -> None:
    assert short(with_clock_marks(ticks_at(5.0, 1.0, 5.5, 6.0))) == ["t", "t", "t", 6, "t", 7]


async def test_they_are_paced_and_pauses_are_shortened_all_the_same() -> None:
    clock = FakeClock()
    sink = MemorySink(2)
    report = await replay([ticks_at(0, 1, 2, 100, 101)], sink, max_pause_s=3.0, clock=clock, clock_marks=True)
    assert report.acknowledged == 5
    assert clock.elapsed_ns == (2 + 3 + 1 + 1) * S, "the last mark is due a second after the last tick"
    assert all(
        short(item for item in log if isinstance(item, ClockMark)) == [1, 2, 100, 101, 102] for log in sink.log.values()
    )
    assert len(sink.log) == 2


async def test_live_times_move_the_marks_too() -> None:
    clock = FakeClock()
    pacer = Pacer(Pace(2.0), clock, live_times=True)
    items = [item async for item in pacer.run(with_clock_marks(ticks_at(0, 1, 2)))]
    assert [((item.ts_ns or 0) - WALL_NS) / S for item in items] == [0.0, 0.5, 0.5, 1.0, 1.0, 1.5]
    assert pacer.handed_on == 3


async def test_a_simulated_market_has_them() -> None:
    sink = MemorySink(3)
    report = await run_simulation(
        sink, symbols=3, rate=50.0, count=200, start_ns=T, clock=FakeClock(), clock_marks=True
    )
    assert report.acknowledged == 200
    marks = [[item.ts_ns for item in log if isinstance(item, ClockMark)] for log in sink.log.values()]
    assert marks[0] == marks[1] == marks[2]
    assert len(marks[0]) >= 3
    assert all(b - a == S for a, b in pairwise(marks[0]))
    silent = MemorySink(3)
    await run_simulation(silent, symbols=3, rate=50.0, count=200, start_ns=T, clock=FakeClock())
    assert not any(isinstance(item, ClockMark) for log in silent.log.values() for item in log)
