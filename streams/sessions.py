"""Trading sessions: exchange calendars as arrays of the times that a market is open, which the fold looks up.

Segments are int64 [m, 4], one per stretch of opening, ascending per calendar:

    [0] start_ns    [1] end_ns (the first nanosecond that is closed)
    [2] session_ns  start of the session; a lunch break is a hole between two segments with one session
    [3] open_ns     time that the calendar was open before this segment, so that spans in session are two look-ups

A symbol without a calendar trades round the clock: its session is the day, UTC.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

import numpy as np

from streams.columns import I64
from streams.errors import ConfigError

ALWAYS: Final = "24/7"
"""Name of the calendar whose session is the UTC day."""

FIRST: Final = "2000-01-01"
LAST: Final = "2037-12-31"
"""What is computed, whatever the day of the start is: a row must not depend on that. Beyond it every market is closed,
and so before it; calendars that are known for less time end earlier."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """Segments of some calendars behind each other, and which symbol has which."""

    segments: I64
    bounds: dict[str, tuple[int, int]]
    """Per calendar, its rows in `segments`; none (equal bounds) means round the clock."""
    calendar: str
    """Of every symbol that has none of its own."""
    symbols: dict[str, str]

    @classmethod
    def load(cls, calendar: str = ALWAYS, symbols: dict[str, str] | None = None) -> "Sessions":
        """Compute the segments of a calendar (`XTKS`) and of those of single symbols.

        Raises:
            ConfigError: for a name that is no calendar, or without the package `exchange_calendars`.
        """
        own = symbols or {}
        bounds = {ALWAYS: (0, 0)}
        parts = [np.empty((0, 4), np.int64)]
        for name in sorted({calendar, *own.values()} - {ALWAYS}):
            start = sum(map(len, parts))
            parts.append(segments_of(name))
            bounds[name] = (start, start + len(parts[-1]))
        return cls(np.concatenate(parts), bounds, calendar, dict(own))

    def of(self, symbol: str) -> tuple[int, int]:
        """Rows in `segments` of the calendar of `symbol`."""
        return self.bounds[self.symbols.get(symbol, self.calendar)]

    def require(self, ts_ns: Iterable[int]) -> None:
        """Make sure that every calendar knows the days around these times.

        Raises:
            ConfigError: naming the calendar, its horizon and the remedy.
        """
        times = tuple(ts_ns)
        for name, (start, stop) in self.bounds.items():
            for at in times if stop > start else ():
                first, last = int(self.segments[start, 0]), int(self.segments[stop - 1, 1])
                if not first <= at <= last:
                    raise ConfigError(
                        f"calendar {name} is known from {_day(first)} to {_day(last)}, which leaves out {_day(at)}; "
                        "install a newer exchange_calendars, or leave the calendar out of [sessions]"
                    )


def segments_of(name: str) -> I64:
    """The segments of one calendar of the package `exchange_calendars`, between FIRST and LAST as far as it is known.

    Raises:
        ConfigError: for a name that is no calendar, or without the package.
    """
    calendar = _calendar(name)
    schedule = calendar.schedule
    opened, closed = _ns(schedule["open"]), _ns(schedule["close"])
    breaks = schedule["break_start"].notna().to_numpy()
    morning_ends = np.where(breaks, _ns(schedule["break_start"]), closed)
    rows = [np.stack((opened, morning_ends, opened), axis=1)]
    if breaks.any():
        rows.append(np.stack((_ns(schedule["break_end"]), closed, opened), axis=1)[breaks])
    spans = np.concatenate(rows)
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    lengths = spans[:, 1] - spans[:, 0]
    return np.ascontiguousarray(np.column_stack((spans, np.cumsum(lengths) - lengths)), dtype=np.int64)


def _calendar(name: str) -> Any:
    try:
        # Imported here: it brings pandas, which a worker without calendars can do without.
        import exchange_calendars  # noqa: PLC0415
    except ImportError:
        raise ConfigError(
            f"sessions: calendar {name!r} needs the package exchange_calendars; install it, or use {ALWAYS!r}"
        ) from None
    names = exchange_calendars.get_calendar_names(include_aliases=True)
    if name not in names:
        near = get_close_matches(name.upper(), names, n=2)
        remedy = f"did you mean {' or '.join(map(repr, near))}?" if near else f"write for example 'XTKS' or {ALWAYS!r}"
        raise ConfigError(f"sessions: {name!r} is no calendar of exchange_calendars; {remedy}")
    usual = exchange_calendars.get_calendar(name)
    first, last = usual.bound_min(), usual.bound_max()
    return exchange_calendars.get_calendar(
        name,
        start=FIRST if first is None else max(FIRST, str(first.date())),
        end=LAST if last is None else min(LAST, str(last.date())),
    )


def _ns(times: Any) -> I64:
    """A column of times as nanoseconds since the epoch; what is missing is the least int64."""
    return np.asarray(times.to_numpy(dtype="datetime64[ns]")).view(np.int64)


def _day(ts_ns: int) -> str:
    return str(np.datetime64(ts_ns, "ns").astype("datetime64[D]"))
