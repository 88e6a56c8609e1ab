import random
from itertools import islice, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import ConfigError
from streams.feeds.recording import Recording
from streams.feeds.repetitions import Repetitions
from streams.feeds.run import replay
from streams.feeds.sink import MemorySink
from streams.records import Tick
from tests.streams.feeds.fake_clock import FakeClock

S = 1_000_000_000


def test_event_time_and_numbers_go_on() -> None:
    ticks = [
        Tick("A", 10 * S, price=1.0, seq=7),
        Tick("A", 11 * S, bid=1.0, ask=2.0, seq=100),
        Tick("B", ts="1970-01-01T00:00:12Z", price=1.0, seq="9"),
        Tick("A", 12 * S, price=2.0, seq=9),
        Tick("B", 14 * S, price=3.0, seq="x-1"),
        Tick("B", 14 * S, price=3.0),
    ]
    again = list(Repetitions(lambda: ticks, 3))
    period = 4 * S + 4 * S // 5
    assert again[:6] == ticks
    assert [tick.ts_ns for tick in again[6:12]] == [t * S + period for t in (10, 11, 12, 12, 14, 14)]
    assert [tick.ts_ns for tick in again[12:]] == [t * S + 2 * period for t in (10, 11, 12, 12, 14, 14)]
    assert all(tick.ts is None for tick in again[6:])
    assert [tick.seq for tick in again[6:12]] == [10, 101, "10", 12, "x-1.2", None]
    assert [tick.seq for tick in again[12:]] == [13, 102, "11", 15, "x-1.3", None]


def test_a_period_of_a_day_keeps_the_time_of_day() -> None:
    ticks = [Tick("A", 9 * 3600 * S, price=1.0), Tick("A", 15 * 3600 * S, price=1.0)]
    assert [tick.ts_ns for tick in Repetitions(lambda: ticks, 2, period_s=86_400)] == [
        hours * 3600 * S for hours in (9, 15, 33, 39)
    ]


@pytest.mark.parametrize(
    ("times", "period_s", "named"),
    [(0, None, "times=0"), (2, 0.0, "period=0.0"), (2, float("nan"), "period=nan"), (2, 5.0, "period=5: .* go back")],
)
def test_impossible_repetitions_are_refused(times: int, period_s: float | None, named: str) -> None:
    ticks = [Tick("A", 1, price=1.0), Tick("A", 6 * S, price=1.0)]
    with pytest.raises(ConfigError, match=named):
        list(Repetitions(lambda: ticks, times, period_s=period_s))


def test_a_number_that_would_not_fit_is_refused() -> None:
    ticks = [Tick("A", 1, price=1.0, seq=1), Tick("A", 2, price=1.0, seq=2**62)]
    with pytest.raises(ConfigError, match="seq=4611686018427387904 of A cannot be raised 1 times"):
        list(Repetitions(lambda: ticks, 3))


def test_nothing_repeated_is_nothing_and_one_tick_goes_on() -> None:
    assert list(Repetitions(list, 5)) == []
    assert [tick.ts_ns for tick in Repetitions(lambda: [Tick("A", 5, price=1.0)], 3)] == [5, 6, 7]


ticks_of = st.lists(
    st.tuples(st.integers(1, 50), st.sampled_from("AB"), st.booleans(), st.integers(0, 30)), min_size=1, max_size=12
)


@given(ticks_of, st.integers(2, 4))
def test_no_repetition_looks_like_the_one_before(rows: list[tuple[int, str, bool, int]], times: int) -> None:
    """Later in time, higher in number, nothing else changed."""
    ticks = [
        Tick(symbol, ts, price=1.0, seq=seq) if trade else Tick(symbol, ts, bid=1.0, ask=2.0, seq=seq)
        for ts, symbol, trade, seq in sorted(rows)
    ]
    every = list(Repetitions(lambda: ticks, times))
    for before, after in zip(every, every[len(ticks) :], strict=False):
        assert (after.ts_ns or 0) > (before.ts_ns or 0)
    parts = [every[k * len(ticks) : (k + 1) * len(ticks)] for k in range(times)]
    for earlier, later in pairwise(parts):
        assert min(t.ts_ns or 0 for t in later) > max(t.ts_ns or 0 for t in earlier)
        for symbol, trade in {(t.symbol, t.price is None) for t in ticks}:
            old = [t.seq for t in earlier if (t.symbol, t.price is None) == (symbol, trade)]
            new = [t.seq for t in later if (t.symbol, t.price is None) == (symbol, trade)]
            assert min(s for s in new if isinstance(s, int)) == max(s for s in old if isinstance(s, int)) + 1


def test_bad_lines_of_every_repetition_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("ts_ns,price\n1,1\n2,x\n3,1\n")
    (tmp_path / "b.csv").write_text("ts_ns,price\n2,1\nx,1\n")
    recording = Recording([tmp_path / "a.csv", tmp_path / "b.csv"], symbol="A", skip_bad=True, times=3, period_s=1.0)
    assert [tick.ts_ns for tick in recording] == [k * S + t for k in range(3) for t in (1, 2, 3)]
    assert recording.skipped == 6


def test_what_is_read_is_merged_whatever_the_number_of_files(tmp_path: Path) -> None:
    rng = random.Random(1)
    files = []
    for number in range(9):
        times = sorted(rng.randrange(1, 10**6) for _ in range(50))
        path = tmp_path / f"{number}.csv"
        path.write_text("ts_ns,price\n" + "".join(f"{t},1\n" for t in times))
        files.append(path)
    times = [tick.ts_ns or 0 for tick in Recording(files, symbol="A")]
    assert (len(times), times) == (450, sorted(times))


async def test_a_repeated_replay_keeps_the_pace_over_the_seam() -> None:
    clock = FakeClock()
    ticks = [Tick("A", k * S, price=1.0) for k in range(1, 4)]
    sink = MemorySink(1)
    report = await replay([ticks], sink, times=4, clock=clock)
    assert report.acknowledged == 12
    assert clock.elapsed_ns == pytest.approx(11 * S, abs=5)
    assert [tick.ts_ns for tick in islice(sink.partitions[0], 2, 4)] == [3 * S, 4 * S]
