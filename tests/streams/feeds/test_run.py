import asyncio
import math
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

import pytest

from streams.errors import ConfigError
from streams.feeds import sample
from streams.feeds.files import TickFile, TickFileError
from streams.feeds.filters import allow_symbols
from streams.feeds.run import replay, run_simulation
from streams.feeds.simulator import simulate
from streams.feeds.sink import MemorySink
from streams.records import Tick
from tests.streams.feeds.fake_clock import WALL_NS, FakeClock

S = 1_000_000_000


def taken(sink: MemorySink) -> list[Tick]:
    return sorted((tick for ticks in sink.partitions.values() for tick in ticks), key=lambda tick: tick.ts_ns or 0)


async def test_the_sample_at_full_speed() -> None:
    sink = MemorySink()
    report = await replay([sample.PATH], sink, speed=None)
    assert (report.read, report.acknowledged, report.stopped) == (50_000, 50_000, False)
    assert report.max_lag_ms == 0
    assert taken(sink) == list(TickFile(sample.PATH))


async def test_the_sample_at_ten_times_the_recorded_pace() -> None:
    clock = FakeClock(overshoot_ns=500_000)
    report = await replay([str(sample.PATH)], MemorySink(), speed=10.0, limit=20_000, clock=clock)
    assert report.acknowledged == 20_000
    times = [tick.ts_ns or 0 for tick in TickFile(sample.PATH)][:20_000]
    assert clock.elapsed_ns == pytest.approx((times[-1] - times[0]) / 10, abs=1_000_000)
    assert 0 < report.mean_lag_ms <= report.max_lag_ms <= 0.5


async def test_files_are_merged_by_time_and_named_symbols_kept(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("ts_ns,price\n1,1\n4,1\n")
    (tmp_path / "b.jsonl").write_text('{"symbol":"B","ts_ns":2,"price":1}\n{"symbol":"B","ts_ns":3,"price":1}\n')
    extra = [Tick("C", ts="1970-01-01T00:00:00.000000003Z", price=1.0)]
    sink = MemorySink(1)
    await replay([tmp_path / "a.csv", tmp_path / "b.jsonl", extra], sink, speed=None, symbol="A")
    assert [tick.symbol for tick in sink.partitions[0]] == ["A", "B", "B", "C", "A"]


async def test_bad_lines_stop_the_replay_or_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("symbol,ts_ns,price\nA,1,1\nA,2,x\nA,3,1\n")
    sink = MemorySink()
    with pytest.raises(TickFileError, match="line 3, column price"):
        await replay([path], sink, speed=None)
    assert sink.acknowledged == 1
    report = await replay([path], MemorySink(), speed=None, skip_bad=True)
    assert (report.read, report.skipped) == (2, 1)


async def test_live_times_and_filters() -> None:
    sink = MemorySink()
    source = [Tick("A", 10 * S, price=1.0), Tick("B", 11 * S, price=1.0), Tick("A", 12 * S, price=1.0)]
    report = await replay([source], sink, speed=2.0, live_times=True, filters=[allow_symbols("A")], clock=FakeClock())
    assert [tick.ts_ns for tick in taken(sink)] == [WALL_NS, WALL_NS + S]
    assert report.filtered == {"symbol": 1}


async def test_a_pause_of_a_night_is_shortened() -> None:
    clock = FakeClock()
    source = [Tick("A", 1, price=1.0), Tick("A", 30_000 * S, price=1.0)]
    await replay([source], MemorySink(), max_pause_s=3.0, clock=clock)
    assert clock.elapsed_ns == pytest.approx(3 * S, abs=2)


class TellingSink(MemorySink):
    """Tells that it was given something."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = asyncio.Event()

    async def send_many(self, ticks: Sequence[Tick]) -> None:
        await super().send_many(ticks)
        self.taken.set()


async def test_a_replay_is_stopped_in_the_middle_of_a_pause() -> None:
    stop = asyncio.Event()
    sink = TellingSink()
    source = [Tick("A", 1, price=1.0), Tick("A", 3600 * S, price=1.0)]
    running = asyncio.create_task(replay([source], sink, max_pause_s=math.inf, stop=stop))
    await sink.taken.wait()
    stop.set()
    report = await running
    assert (report.read, report.acknowledged, report.stopped) == (1, 1, True)


async def test_simulation_is_the_seeded_market_on_the_wall_clock() -> None:
    clock = FakeClock()
    sink = MemorySink()
    report = await run_simulation(sink, symbols=20, rate=500.0, seed=3, seconds=4.0, clock=clock)
    market = simulate(20, 500.0, seed=3, start_ns=WALL_NS)
    assert taken(sink) == list(takewhile(lambda tick: (tick.ts_ns or 0) < WALL_NS + 4 * S, market))
    assert report.acknowledged == sink.sent > 1000
    assert clock.elapsed_ns == pytest.approx(4 * S, rel=0.02)
    assert report.max_lag_ms == pytest.approx(0, abs=1e-3)


async def test_simulation_of_a_count_from_a_given_start_waits_through_quiet_times() -> None:
    clock = FakeClock()
    sink = MemorySink()
    report = await run_simulation(sink, symbols=1, rate=0.001, seed=1, count=3, start_ns=S, clock=clock)
    last = taken(sink)[-1]
    assert report.acknowledged == 3
    assert last.ts_ns == clock.elapsed_ns + S
    assert max(clock.sleeps_s) > 100  # no pause of a simulated market is shortened


class BusyClock(FakeClock):
    """A machine that needs a millisecond for every look at the clock."""

    def monotonic_ns(self) -> int:
        self.elapsed_ns += 1_000_000
        return super().monotonic_ns()


async def test_a_load_that_cannot_be_kept_up_leaves_nothing_out_and_says_so() -> None:
    report = await run_simulation(MemorySink(), symbols=5, rate=10_000.0, seed=1, count=2000, clock=BusyClock())
    assert report.acknowledged == 2000
    assert report.max_lag_ms > 1500  # 2 s of work for 0.2 s of market
    assert report.mean_lag_ms > 700


async def test_simulation_runs_on_real_clocks_by_default() -> None:
    report = await run_simulation(MemorySink(), rate=20_000.0, count=200)
    assert report.acknowledged == 200


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"seconds": 0.0}, "seconds="),
        ({"seconds": math.inf}, "seconds="),
        ({"count": 0}, "count="),
        ({"rate": 0}, "rate="),
    ],
)
async def test_impossible_simulations_are_refused(arguments: dict[str, float], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        await run_simulation(MemorySink(), **arguments)  # type: ignore[arg-type]  # the table mixes ints and floats


async def test_impossible_replays_are_refused() -> None:
    with pytest.raises(ConfigError, match="nothing to replay"):
        await replay([], MemorySink())
    with pytest.raises(ConfigError, match="limit=0"):
        await replay([sample.PATH], MemorySink(), limit=0)
