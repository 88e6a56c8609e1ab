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


def test_what_a_venue_sends_first_may_be_old() -> None:
    """Coinbase's first ticker is as old as the last match: the clock neither waits for it nor begins there."""
    clock = VenueClock(1_000)
    clock.opened(NOW)
    for age_s in (3_000, 200, 700):
        clock.note(NOW - age_s * S, NOW + 1)
    assert clock.lead_ns() == -200 * S - 1, "nothing better is known: the youngest says what has passed"
    clock.note(NOW + S, NOW + S + 5)
    assert clock.lead_ns() == -5, "one tick of now says more than all of them"
    mark = clock.mark_ns(NOW + 2 * S)
    clock.opened(NOW + 100 * S)
    for n in range(60):
        clock.note(NOW + n * S, NOW + 100 * S + n)
    assert clock.mark_ns(NOW + 101 * S) == mark + 99 * S, "a reconnect that brings the trades of the absence does not"


def test_a_feed_that_is_delayed_is_no_history() -> None:
    clock = VenueClock(1_000)
    clock.opened(NOW)
    for n in range(30):
        clock.note(NOW + (n - 900) * S, NOW + n * S)
        assert clock.lead_ns() == -900 * S
    clock.opened(NOW + 100 * S)
    clock.note(NOW + (100 - 900) * S, NOW + 100 * S)
    assert clock.mark_ns(NOW + 100 * S) == NOW + (100 - 900 - 1) * S


@given(st.integers(-5_000, 5_000).filter(lambda step: abs(step) > 1), st.integers(0, 400), st.integers(-900, 900))
def test_the_wall_clock_is_set_and_the_venue_goes_on(step_s: int, ticks: int, lead_s: int) -> None:
    clock = VenueClock(1_000)
    for n in range(ticks):
        clock.note(NOW + n + lead_s * S, NOW + n)
    first = clock.mark_ns(NOW + S, S)
    assert clock.mark_ns(NOW + (2 + step_s) * S, 2 * S) == first + S
    assert clock.mark_ns(NOW + (3 + step_s) * S, 3 * S) == first + 2 * S
    for n in range(10):
        clock.note(NOW + (4 + step_s) * S + n, NOW + (4 + step_s) * S + n)
    assert clock.mark_ns(NOW + (5 + step_s) * S, 5 * S) == max(first + 2 * S, NOW + (4 + step_s) * S)
