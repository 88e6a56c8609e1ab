"""The writer rests between two flushes where event time runs through faster than the clock, and nowhere else."""

from hypothesis import given
from hypothesis import strategies as st

from tables.features.keys import NS
from tables.features.pace import REST_S, Pace

START_NS = 1_790_000_000 * NS


def rests(pace: Pace, times: list[tuple[float, float]]) -> list[float]:
    """After flushes at (seconds of the clock, seconds of event time)."""
    return [pace.rest_s(START_NS + round(event_s * NS), now_s) for now_s, event_s in times]


def test_it_rests_while_a_backlog_goes_through() -> None:
    pace = Pace()
    backlog = [(now / 10, 3.0 * now) for now in range(31)]
    assert rests(pace, backlog) == [0.0] * 10 + [REST_S] * 21
    assert rests(pace, [(3.0 + now / 10, 90.0 + now / 10) for now in range(1, 31)]) == [REST_S] * 9 + [0.0] * 21


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 0.4)), max_size=60))
def test_it_never_rests_in_a_live_market(steps: list[tuple[float, float]]) -> None:
    """Whatever the pauses, and though records come some tenths of a second late, each symbol by its own delay."""
    now_s, times = 0.0, []
    for pause_s, delay_s in steps:
        now_s += pause_s
        times.append((now_s, now_s - delay_s))
    assert not any(rests(Pace(), times))
