import math
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import ConfigError
from streams.feeds.clock import SystemClock
from streams.feeds.pace import Pace, Pacer
from streams.records import Tick
from tests.streams.feeds.fake_clock import WALL_NS, FakeClock

S = 1_000_000_000
T0 = 1_378_215_000 * S


def ticks(offsets_ns: Iterable[int]) -> list[Tick]:
    return [Tick("ES", ts_ns=T0 + offset, price=1.0) for offset in offsets_ns]


async def handed_on(pacer: Pacer, source: Iterable[Tick], clock: FakeClock) -> list[tuple[int, Tick]]:
    """Each tick with the nanoseconds after the start at which it came."""
    return [(clock.elapsed_ns, tick) async for tick in pacer.run(source) if isinstance(tick, Tick)]


def test_due_times_divide_by_the_speed() -> None:
    pace = Pace(10.0)
    assert [pace.due_ns(T0 + at) for at in (0, S, 20 * S, 20 * S)] == [0, S // 10, 2 * S, 2 * S]
    assert pace.shortened == 0


def test_a_night_costs_the_longest_pause_and_what_follows_keeps_its_distance() -> None:
    pace = Pace(2.0, max_pause_s=5.0)
    assert [pace.due_ns(T0 + at) for at in (0, 10 * S, 60_000 * S, 60_001 * S)] == [0, 5 * S, 10 * S, 10 * S + S // 2]
    assert pace.shortened == 1


def test_an_older_tick_is_due_at_once_and_moves_nothing() -> None:
    pace = Pace()
    assert [pace.due_ns(T0 + at) for at in (0, 2 * S, S, 3 * S)] == [0, 2 * S, 2 * S, 3 * S]


def test_origin_may_lie_before_the_first_tick() -> None:
    pace = Pace(max_pause_s=math.inf, origin_ns=T0 - 100 * S)
    assert pace.due_ns(T0) == 100 * S


@given(
    st.lists(st.integers(-(10**10), 10**13), max_size=60),
    st.floats(0.1, 1000.0),
    st.one_of(st.just(math.inf), st.floats(0.001, 100.0)),
)
def test_due_times_never_decrease_nor_wait_longer_than_allowed(
    gaps: list[int], speed: float, max_pause_s: float
) -> None:
    pace, at, due = Pace(speed, max_pause_s=max_pause_s), T0, 0
    latest, expected_ns = T0, 0.0
    assert pace.due_ns(at) == 0
    for gap in gaps:
        at += gap
        before, due = due, pace.due_ns(at)
        assert 0 <= due - before <= max_pause_s * S + 2
        # Independent definition: the sum of every forward step, each capped.
        expected_ns += min(max(at - latest, 0) / speed, max_pause_s * S)
        latest = max(latest, at)
        assert due == pytest.approx(expected_ns, abs=2 + len(gaps))


@pytest.mark.parametrize("speed", [0.0, -1.0, math.inf, math.nan])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(ConfigError, match=r"speed=.*max"):
        Pace(speed)


@pytest.mark.parametrize("pause", [0.0, -1.0, math.nan])
def test_a_pause_that_is_none_is_refused(pause: float) -> None:
    with pytest.raises(ConfigError, match="max_pause_s="):
        Pace(max_pause_s=pause)


async def test_every_sleep_overshoots_and_yet_nothing_drifts() -> None:
    clock = FakeClock(overshoot_ns=900_000)
    pacer = Pacer(Pace(2.0), clock)
    came = await handed_on(pacer, ticks(range(0, 1000 * 20_000_000, 20_000_000)), clock)
    assert [at - number * 10_000_000 for number, (at, _) in enumerate(came)] == [0] + [900_000] * 999
    assert pacer.handed_on == 1000
    assert pacer.max_lag_ns == 900_000
    assert pacer.total_lag_ns == 999 * 900_000


async def test_what_is_overdue_comes_at_once_and_its_lag_is_told() -> None:
    clock = FakeClock()
    pacer = Pacer(Pace(), clock)
    came = []
    async for tick in pacer.run(ticks([0, S, 2 * S, 3 * S])):
        came.append((clock.elapsed_ns, tick.ts_ns))
        if len(came) == 1:
            clock.elapsed_ns += 2_500_000_000  # the consumer was busy
    assert came == [(0, T0), (2_500_000_000, T0 + S), (2_500_000_000, T0 + 2 * S), (3 * S, T0 + 3 * S)]
    assert pacer.max_lag_ns == 1_500_000_000


class EarlyClock(FakeClock):
    """Every sleep ends half-way."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(max(seconds / 2, 1e-9))


async def test_a_timer_that_wakes_early_is_waited_out() -> None:
    clock = EarlyClock()
    came = await handed_on(Pacer(Pace(), clock), ticks([0, S]), clock)
    assert came[1][0] >= S
    assert len(clock.sleeps_s) > 1


async def test_without_a_pace_nothing_waits_and_times_are_kept() -> None:
    clock = FakeClock()
    source = ticks([0, 3600 * S])
    assert await handed_on(Pacer(None, clock), source, clock) == [(0, source[0]), (0, source[1])]
    assert clock.sleeps_s == []


async def test_live_times_are_the_due_moments_by_the_wall_clock() -> None:
    clock = FakeClock(overshoot_ns=7)
    source = [*ticks([0, 10 * S, 9 * S, 20 * S]), Tick("ES", ts="2013-09-03T13:30:30Z", price=1.0)]
    came = await handed_on(Pacer(Pace(10.0), clock, live_times=True), source, clock)
    assert [(tick.ts_ns, tick.ts) for _, tick in came] == [(WALL_NS + s * S, None) for s in (0, 1, 1, 2, 3)]


async def test_live_times_without_a_pace_are_the_moments_of_the_hand_over_and_never_go_back() -> None:
    clock = FakeClock()
    stamped = []
    async for tick in Pacer(None, clock, live_times=True).run(ticks([0, 1, 2])):
        stamped.append(tick.ts_ns)
        clock.elapsed_ns += 50 if len(stamped) == 1 else -100
    assert stamped == [WALL_NS, WALL_NS + 50, WALL_NS + 50]


async def test_system_clock_runs() -> None:
    clock = SystemClock()
    wall, before = clock.now_ns(), clock.monotonic_ns()
    await clock.sleep(0.002)
    assert clock.monotonic_ns() - before >= 1_900_000
    assert wall > 1_700_000_000 * S
