"""The wall clock's view of sessions, against the schedule's that the fold looks up."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.definitions.exchange_hours import BREAK, CLOSED, Exchange, Market, RoundTheClock, market
from streams.fold import open_between, session_at
from streams.sessions import Sessions

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

S = 1_000_000_000
NAMES = ("XTKS", "XNYS", "CMES", "24/7")
FIRST = int(datetime(2019, 1, 1, tzinfo=UTC).timestamp()) * S
LAST = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * S


@pytest.fixture(scope="module")
def both() -> dict[str, tuple[Market, Sessions]]:
    return {name: (market(name), Sessions.load(name)) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
@given(at=st.integers(FIRST, LAST), length=st.integers(0, 40 * 86_400 * S))
def test_it_agrees_with_the_schedule_at_any_time(
    both: dict[str, tuple[Market, Sessions]], name: str, at: int, length: int
) -> None:
    wall, sessions = both[name]
    start, since, phase = session_at(sessions.segments, *sessions.of("ANY"), at)
    place = wall.at(at)
    assert (place.session, place.phase) == (start, phase)
    np.testing.assert_equal(place.since_open, since)
    assert wall.open_between(at, at + length) == open_between(sessions.segments, *sessions.of("ANY"), at, at + length)


@pytest.mark.parametrize("name", NAMES[:3])
def test_and_at_every_border_of_every_session(both: dict[str, tuple[Market, Sessions]], name: str) -> None:
    wall, sessions = both[name]
    assert isinstance(wall, Exchange)
    inside = sessions.segments[(sessions.segments[:, 0] > FIRST) & (sessions.segments[:, 1] < LAST)]
    for begin, end, session, _ in inside[::3].tolist():
        for at in (begin - 1, begin, end - 1, end):
            start, _, phase = session_at(sessions.segments, *sessions.of("ANY"), at)
            assert (wall.at(at).session, wall.at(at).phase) == (start, phase)
        assert wall.at(begin).session == session // S


def test_a_lunch_break_and_a_night() -> None:
    tokyo = market("XTKS", "2025-11-01", "2025-12-01")
    noon = int(datetime(2025, 11, 25, 3, 0, tzinfo=UTC).timestamp()) * S
    assert tokyo.at(noon).phase == BREAK
    assert tokyo.at(noon + 12 * 3600 * S).phase == CLOSED
    assert RoundTheClock().at(noon).since_open == 3 * 3600
