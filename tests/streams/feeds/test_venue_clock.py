"""The venue's time, told from its ticks."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from streams.feeds.venue_clock import RECENT, VenueClock

S = 1_000_000_000
NOW = 1_790_000_000 * S


def test_without_ticks_it_is_the_wall_clock_less_the_slack() -> None:
    assert VenueClock(2_000).mark_ns(NOW) == NOW - 2 * S
    assert VenueClock(0).lead_ns() == 0


def test_ticks_that_lead_or_lag_move_it() -> None:
    for lead in (round(1.27 * S), -900 * S):
        clock = VenueClock(1_000)
        for n in range(300):
            clock.note(NOW + n + lead, NOW + n)
        assert clock.lead_ns() == lead
        assert clock.mark_ns(NOW + 300) == NOW + 300 + lead - S


def test_one_late_report_or_one_from_the_future_does_not() -> None:
    clock = VenueClock(1_000)
    rng = Random(1)
    for n in range(1_000):
        wrong = {500: 3_600 * S, 600: -3_600 * S}.get(n, 0)
        clock.note(NOW + n - rng.randrange(50_000_000) + wrong, NOW + n)
        assert -50_000_000 <= clock.lead_ns() <= 0


@given(st.lists(st.tuples(st.integers(-5 * S, 5 * S), st.integers(-S, S)), max_size=600))
def test_it_never_goes_back_and_promises_what_holds_for_nine_in_ten(moves: list[tuple[int, int]]) -> None:
    clock = VenueClock(0)
    now, latest = NOW, 0
    leads: list[int] = []
    for lead, passed in moves:
        now += passed  # a wall clock may be set back
        clock.note(now + lead, now)
        leads.append(lead)
        recent = leads[-RECENT:]
        assert sum(at < clock.lead_ns() for at in recent) <= 0.1 * len(recent)
        mark = clock.mark_ns(now)
        assert mark >= latest
        assert mark == max(latest, now + clock.lead_ns())
        latest = mark
