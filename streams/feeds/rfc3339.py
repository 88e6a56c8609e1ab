"""RFC 3339 timestamps as int64 nanoseconds since the epoch, without the rounding of a float or a datetime."""

import re
from datetime import datetime
from functools import lru_cache
from typing import Final

from streams.records import Tick

_PATTERN: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_MAX_NS: Final = 2**63 - 1


def parse_ns(text: str) -> int:
    """Return the nanoseconds since 1970-01-01T00:00:00Z that `text` names.

    `text` is an RFC 3339 date-time (https://www.rfc-editor.org/rfc/rfc3339, section 5.6): a zone is required (`Z` or
    `+hh:mm`), a space may stand for the `T`, the fraction has up to 9 digits. Leap seconds (`:60`) are refused, for
    the epoch has no number for them. The range is that of int64: years 1677 to 2262.

    Raises:
        ValueError: saying what is wrong; the caller adds where the text stood.
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 time with a zone, such as 2013-09-03T13:30:00.123Z")
    date, time, fraction, zone = match.groups()
    ns = _seconds(date, time, "+00:00" if zone in "Zz" else zone) * 1_000_000_000
    if fraction:
        ns += int(fraction) * 10 ** (9 - len(fraction))
    if not -_MAX_NS <= ns <= _MAX_NS:
        raise ValueError("outside the years 1677 to 2262 that nanoseconds in 64 bits can hold")
    return ns


@lru_cache(maxsize=64)
def _seconds(date: str, time: str, zone: str) -> int:
    """Return whole seconds since the epoch; cached, because neighbouring ticks share their second."""
    moment = datetime.fromisoformat(f"{date}T{time}{zone}")
    since = moment - datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    return since.days * 86_400 + since.seconds


def event_time_ns(tick: Tick) -> int:
    """Return the event time of a tick, whichever of `ts_ns` and `ts` it carries.

    Raises:
        ValueError: it carries neither, or `ts` is no RFC 3339 time.
    """
    if tick.ts_ns is not None:
        return tick.ts_ns
    if tick.ts is None:
        raise ValueError(f"tick of {tick.symbol} has neither ts_ns nor ts: give one of them")
    return parse_ns(tick.ts)
