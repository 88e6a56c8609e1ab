"""Sessions: calendars as segments, and what the fold reads off them."""

import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import ConfigError
from streams.fold import open_between, session_at
from streams.sessions import Sessions, segments_of
from tests.streams.markets import BEGIN, SEGMENTS, sessions

# exchange_calendars speaks to older versions of pandas too.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

S = 1_000_000_000
TOKYO = ZoneInfo("Asia/Tokyo")
NEW_YORK = ZoneInfo("America/New_York")
CLOSED, OPEN, BREAK = 0, 1, 2


@pytest.fixture(scope="module")
def loaded() -> Sessions:
    return Sessions.load("XTKS", {"AAPL": "XNYS", "BTC": "24/7"})


def ns(zone: ZoneInfo, *when: int) -> int:
    return int(datetime(*when, tzinfo=zone).timestamp()) * S  # type: ignore[arg-type, misc] # year, month, day, hour, minute


def at(loaded: Sessions, symbol: str, when_ns: int) -> tuple[int, float, int]:
    start, since, phase = session_at(loaded.segments, *loaded.of(symbol), when_ns)
    return int(start), float(since), int(phase)


@pytest.mark.parametrize(
    ("hour", "minute", "phase"),
    [(8, 59, CLOSED), (9, 0, OPEN), (11, 29, OPEN), (11, 30, BREAK), (12, 29, BREAK), (12, 30, OPEN), (15, 24, OPEN)],
)
def test_tokyo_has_a_lunch_break_inside_one_session(loaded: Sessions, hour: int, minute: int, phase: int) -> None:
    opened = ns(TOKYO, 2025, 11, 25, 9, 0)
    start, since, found = at(loaded, "7203", ns(TOKYO, 2025, 11, 25, hour, minute))
    assert found == phase
    if phase == CLOSED:
        assert start == 0
        assert np.isnan(since)
    else:
        assert (start, since) == (opened // S, (hour * 60 + minute - 540) * 60.0)


def test_tokyo_closes_half_an_hour_later_since_november_2024(loaded: Sessions) -> None:
    for day, hour, minute in (((2024, 11, 1), 15, 0), ((2024, 11, 5), 15, 30)):
        close = ns(TOKYO, *day, hour, minute)
        assert at(loaded, "7203", close - 1)[2] == OPEN
        assert at(loaded, "7203", close)[2] == CLOSED


def test_the_day_after_thanksgiving_is_half_a_day_in_new_york(loaded: Sessions) -> None:
    for day, hour in (((2025, 11, 26), 16), ((2025, 11, 28), 13)):
        opened = ns(NEW_YORK, *day, 9, 30)
        close = ns(NEW_YORK, *day, hour, 0)
        assert at(loaded, "AAPL", opened - 1)[2] == CLOSED
        assert at(loaded, "AAPL", opened) == (opened // S, 0.0, OPEN)
        assert at(loaded, "AAPL", close - 1)[2] == OPEN
        assert at(loaded, "AAPL", close)[2] == CLOSED
    noon = ns(NEW_YORK, 2025, 11, 27, 12, 0)
    assert at(loaded, "AAPL", noon)[2] == CLOSED
    assert at(loaded, "7203", noon)[2] == CLOSED


def test_a_symbol_without_a_calendar_has_the_day_as_its_session(loaded: Sessions) -> None:
    noon = int(datetime(2025, 11, 27, 12, tzinfo=UTC).timestamp()) * S
    assert at(loaded, "BTC", noon) == (noon // S - 43_200, 43_200.0, OPEN)
    assert at(loaded, "BTC", noon - 43_200 * S) == (noon // S - 43_200, 0.0, OPEN)
    assert Sessions.load().of("anything") == (0, 0)


def test_only_opening_hours_count_between_two_times(loaded: Sessions) -> None:
    def hours(symbol: str, begin: int, end: int) -> float:
        return float(open_between(loaded.segments, *loaded.of(symbol), begin, end)) / S / 3_600

    day = (2025, 11, 25)
    assert hours("7203", ns(TOKYO, *day, 11, 0), ns(TOKYO, *day, 13, 0)) == 1.0
    assert hours("7203", ns(TOKYO, *day, 11, 40), ns(TOKYO, *day, 12, 20)) == 0.0
    assert hours("7203", ns(TOKYO, *day, 0, 0), ns(TOKYO, 2025, 11, 26, 0, 0)) == 5.5
    assert hours("7203", ns(TOKYO, 2025, 11, 21, 15, 0), ns(TOKYO, *day, 9, 30)) == 1.0  # a weekend and a holiday
    assert hours("AAPL", ns(NEW_YORK, 2025, 11, 26, 15, 0), ns(NEW_YORK, 2025, 11, 28, 10, 0)) == 1.5
    assert hours("BTC", 0, 10 * 3_600 * S) == 10.0


@pytest.mark.parametrize("name", ["XTKS", "XNYS", "XHKG", "XSHG", "CMES", "24/5"])
def test_segments_follow_each_other_and_add_up(name: str) -> None:
    segments = segments_of(name)
    assert segments.flags.c_contiguous
    assert np.all(segments[:, 1] > segments[:, 0])
    assert np.all(segments[1:, 0] >= segments[:-1, 1])
    assert np.all(segments[:, 2] <= segments[:, 0])
    assert np.all(np.diff(segments[:, 2]) >= 0)
    assert np.array_equal(segments[1:, 3] - segments[:-1, 3], (segments[:, 1] - segments[:, 0])[:-1])
    assert segments[0, 3] == 0


@given(st.integers(-10, 5_000), st.integers(0, 5_000))
def test_spans_add_up(begin_s: int, length_s: int) -> None:
    loaded = sessions()
    begin, end = BEGIN + begin_s * S, BEGIN + (begin_s + length_s) * S
    expected = sum(max(0, min(end, stop) - max(begin, start)) for start, stop, _ in SEGMENTS)
    assert open_between(loaded.segments, *loaded.of("A"), begin, end) == expected


def test_a_calendar_that_does_not_exist_is_refused_with_near_ones() -> None:
    with pytest.raises(
        ConfigError, match=r"sessions: 'XTKSS' is no calendar of exchange_calendars; did you mean 'XTKS'"
    ):
        Sessions.load("XTKSS")
    with pytest.raises(ConfigError, match=r"'\?\?' is no calendar of exchange_calendars; write for example 'XTKS'"):
        Sessions.load("24/7", {"A": "??"})


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    with pytest.raises(ConfigError, match="calendar 'XTKS' needs the package exchange_calendars; install it, or use"):
        Sessions.load("XTKS")
    assert len(Sessions.load("24/7", {"A": "24/7"}).segments) == 0


def test_a_day_beyond_what_is_known_is_refused_by_name(loaded: Sessions) -> None:
    loaded.require([ns(NEW_YORK, 2030, 1, 1, 0, 0)])
    shanghai = Sessions.load("XSHG")
    with pytest.raises(
        ConfigError, match=r"calendar XSHG is known from 2000-01-04 to 20\d\d-12-\d\d, which leaves out 2036"
    ):
        shanghai.require([ns(TOKYO, 2025, 1, 1, 0, 0), ns(TOKYO, 2036, 6, 1, 0, 0)])
    Sessions.load().require([0, 2**62])
