"""When a market is open, by the clock on its wall: an independent look at the exchange calendars.

The fold takes opens and closes, in UTC, from a calendar's schedule. Here the times come from the exchange's own opening
hours in local time and the time zone's rules; the calendar only says which days are trading days, and which of those
open late or close early (those days' own times are taken from its schedule). A wrong zone, a summer time that was
missed, or a wrong day's boundary is then a difference.
"""

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from streams.definitions.definition import NAN

S: Final = 1_000_000_000
ALWAYS: Final = "24/7"
CLOSED, OPEN, BREAK = 0, 1, 2


class Hours(NamedTuple):
    """One session; all in nanoseconds since the epoch."""

    opens: int
    closes: int
    """The first nanosecond that is closed."""
    break_begins: int = 0
    break_ends: int = 0


class Place(NamedTuple):
    """Where in the session a moment is."""

    session: int
    """Its start, seconds since the epoch, 0 outside."""
    since_open: float
    """Seconds, NaN outside."""
    phase: int


OUTSIDE: Final = Place(0, NAN, CLOSED)


class Market(Protocol):
    """When a market is open."""

    def at(self, ts_ns: int) -> Place:
        """Where in its session a moment is."""

    def open_between(self, begin_ns: int, end_ns: int) -> int:
        """Nanoseconds of a span in which it was open."""


class RoundTheClock:
    """A market that never closes; its session is the day of UTC."""

    def __init__(self) -> None:
        self._begin = self._end = 0

    def at(self, ts_ns: int) -> Place:
        """Where in its session a moment is."""
        if not self._begin <= ts_ns < self._end:
            day = datetime.fromtimestamp(ts_ns // S, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            self._begin = int(day.timestamp()) * S
            self._end = self._begin + 86_400 * S
        return Place(self._begin // S, (ts_ns - self._begin) / S, OPEN)

    def open_between(self, begin_ns: int, end_ns: int) -> int:
        """All of it."""
        return end_ns - begin_ns


class Exchange:
    """An exchange with sessions."""

    def __init__(self, sessions: list[Hours]) -> None:
        """`sessions`: in order."""
        self._sessions = sessions
        self._opens = [session.opens for session in sessions]

    def at(self, ts_ns: int) -> Place:
        """Where in its session a moment is."""
        i = bisect_right(self._opens, ts_ns) - 1
        if i < 0 or ts_ns >= self._sessions[i].closes:
            return OUTSIDE
        session = self._sessions[i]
        resting = session.break_begins <= ts_ns < session.break_ends
        return Place(session.opens // S, (ts_ns - session.opens) / S, BREAK if resting else OPEN)

    def open_between(self, begin_ns: int, end_ns: int) -> int:
        """Nanoseconds of the span in session, breaks left out."""
        total = 0
        for i in range(max(bisect_right(self._opens, begin_ns) - 1, 0), bisect_right(self._opens, end_ns)):
            session = self._sessions[i]
            total += _shared(begin_ns, end_ns, session.opens, session.closes)
            total -= _shared(begin_ns, end_ns, session.break_begins, session.break_ends)
        return total


def _shared(begin: int, end: int, start: int, stop: int) -> int:
    return max(0, min(end, stop) - max(begin, start))


def market(name: str, first: str = "2000-01-01", last: str = "2037-12-31") -> Market:
    """The market of a calendar; `first` and `last`: the days that are looked at."""
    if name == ALWAYS:
        return RoundTheClock()
    # Imported here: it brings pandas, which who needs no calendar can do without.
    import exchange_calendars  # noqa: PLC0415

    usual = exchange_calendars.get_calendar(name)
    low, high = usual.bound_min(), usual.bound_max()
    calendar = exchange_calendars.get_calendar(
        name,
        start=first if low is None else max(first, str(low.date())),
        end=last if high is None else min(last, str(high.date())),
    )
    special = {stamp.date() for stamp in (*calendar.late_opens, *calendar.early_closes)}
    return Exchange([_hours(calendar, stamp, stamp.date() in special) for stamp in calendar.sessions])


def _hours(calendar: Any, stamp: Any, special: bool) -> Hours:
    day, zone = stamp.date(), ZoneInfo(str(calendar.tz))
    rests = calendar.break_start_times is not None
    if special:
        at = [calendar.session_open(stamp), calendar.session_close(stamp)]
        if rests and calendar.session_has_break(stamp):
            at += [calendar.session_break_start(stamp), calendar.session_break_end(stamp)]
        return Hours(*(int(moment.value) for moment in at))
    walls = [(calendar.open_times, calendar.open_offset), (calendar.close_times, calendar.close_offset)]
    walls += [(calendar.break_start_times, 0), (calendar.break_end_times, 0)] if rests else []
    return Hours(*(_moment(day + timedelta(days=offset), _on(times, day), zone) for times, offset in walls))


def _on(times: Any, day: date) -> time:
    """The wall time that was in force on a day; entries are (first day or None, time), in order."""
    found = [wall for since, wall in times if since is None or since.date() <= day]
    last: time = found[-1]
    return last


def _moment(day: date, wall: time, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, wall, zone).timestamp()) * S
