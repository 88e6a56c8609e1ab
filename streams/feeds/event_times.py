"""Event times as files and venues write them, as int64 nanoseconds since the epoch, UTC, without a float's rounding."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from datetime import date as Date  # noqa: N812 - `date` is a field below
from decimal import Decimal, InvalidOperation
from functools import cached_property, lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from streams.errors import ConfigError
from streams.feeds.rfc3339 import parse_ns

UNITS: Final = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
"""Unit of a number -> its nanoseconds."""

_LOCAL: Final = re.compile(r"(?:(\d{4})-?(\d{2})-?(\d{2})[Tt ])?(\d{1,2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,9}))?", re.ASCII)
_LONG_FRACTION: Final = re.compile(r"(\.\d{6})(\d{1,3})(?!\d)", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Instant(int):
    """Nanoseconds since the epoch that are known to be that: a column whose type says so."""


@dataclass(frozen=True)
class TimeFormat:
    """How one column writes the event time.

    With `unit` it is a number since the epoch. With `format` it is text after `datetime.strptime`, where `%f` may have
    up to 9 digits. With neither it is text as RFC 3339 has it, and may lack the zone where `zone` is given, and the
    date too where `date` is given as well (`2025-03-17 09:00:00.5`, `09:00:00`). A time of day that the zone has twice
    or not at all, because its clocks change, is refused: nobody can tell when it was.
    """

    unit: str | None = None
    """One of `s`, `ms`, `us`, `ns`; digits beyond the nanosecond are cut off."""
    format: str | None = None
    """A format of `datetime.strptime`."""
    zone: str | None = None
    """Name of the time zone of texts without one, such as `Asia/Tokyo`."""
    date: Date | None = None
    """The day of texts without one."""

    def __post_init__(self) -> None:
        """Check the parts.

        Raises:
            ConfigError: naming the one that cannot be.
        """
        if self.unit is not None and self.unit not in UNITS:
            raise ConfigError(f"time unit={self.unit!r}: give one of {', '.join(UNITS)}")
        if self.unit is not None and self.format is not None:
            raise ConfigError(f"time unit={self.unit!r} and format={self.format!r}: give one of them")
        if self.format is not None and "%" not in self.format:
            raise ConfigError(f"time format={self.format!r}: write it as strptime does, such as '%d/%m/%Y %H:%M:%S'")
        if self.zone is not None:
            _zone(self.zone)

    def parse(self, value: object) -> int:
        """Return the nanoseconds since the epoch that `value`, a text or a number, says.

        Raises:
            ValueError: it is no time in this format; the caller adds where it stood.
        """
        return int(value) if isinstance(value, Instant) else self._parse(value)

    @cached_property
    def _parse(self) -> Callable[[object], int]:
        if self.unit is not None:
            return self._number
        return self._iso if self.format is None else self._formatted

    def _number(self, value: object) -> int:
        factor = UNITS[str(self.unit)]
        if type(value) is int:
            return value * factor
        try:
            number = Decimal(value if isinstance(value, Decimal) else str(value).strip())
        except InvalidOperation:
            number = Decimal("NaN")
        if isinstance(value, bool) or not number.is_finite() or abs(number) >= 10**20 or "_" in str(value):
            raise ValueError(f"not a number ({self.unit} since 1970)")
        return int(number * factor)

    def _iso(self, value: object) -> int:
        if not isinstance(value, str):
            raise ValueError("a number without a unit: say in which unit the time is (s, ms, us, ns)")
        text = value.strip()
        if self.zone is None:
            try:
                return parse_ns(text)
            except ValueError:
                if _LOCAL.fullmatch(text) is None:
                    raise
                raise ValueError("a time without a zone: name it, such as Asia/Tokyo, or write RFC 3339") from None
        found = _LOCAL.fullmatch(text)
        if found is None:
            try:
                return parse_ns(text)
            except ValueError:
                raise ValueError("neither a time of day, with or without a date, nor RFC 3339") from None
        year, month, day, clock, fraction = found.groups()
        ns = int((fraction or "0").ljust(9, "0"))
        named = f"{year}-{month}-{day}" if year else self._day()
        return _local_s(named, clock if clock[1] != ":" else f"0{clock}", self.zone) * 10**9 + ns

    def _formatted(self, value: object) -> int:
        text, rest = str(value).strip(), 0
        assert self.format is not None
        if "%f" in self.format and (found := _LONG_FRACTION.search(text)):
            rest = int(found[2].ljust(3, "0"))
            text = text[: found.end(1)] + text[found.end(2) :]
        try:
            moment = datetime.strptime(text, self.format)  # noqa: DTZ007 - the zone comes below
        except ValueError:
            raise ValueError(f"not a time of the format {self.format!r}") from None
        if not _names_a_day(self.format):
            day = Date.fromisoformat(self._day())
            moment = moment.replace(year=day.year, month=day.month, day=day.day)
        micro = moment.microsecond
        if moment.tzinfo is not None:
            since = moment - _EPOCH
            return (since.days * 86_400 + since.seconds) * 10**9 + micro * 1_000 + rest
        if self.zone is None:
            raise ValueError("a time without a zone: name it, such as Asia/Tokyo, or UTC")
        return _local_s(moment.strftime("%Y-%m-%d").zfill(10), moment.strftime("%H:%M:%S"), self.zone) * 10**9 + (
            micro * 1_000 + rest
        )

    def _day(self) -> str:
        if self.date is None:
            raise ValueError("a time without a date: give the day of the file")
        return self.date.isoformat()


def parse_date(text: str) -> Date:
    """`2025-03-17` or `20250317` -> the day.

    Raises:
        ConfigError: it is none.
    """
    try:
        return Date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"date {text!r}: write it as 2025-03-17 or 20250317") from None


def _names_a_day(form: str) -> bool:
    return any(code in form for code in ("%d", "%j", "%x", "%c"))


@lru_cache(maxsize=16)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"time zone {name!r}: give a name of the IANA database, such as Asia/Tokyo or UTC") from None


@lru_cache(maxsize=256)
def _local_s(day: str, clock: str, zone: str) -> int:
    """Whole seconds since the epoch of a local time; cached, because neighbouring ticks share their second."""
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=_zone(zone))
    except ValueError:
        raise ValueError("not a time of day, or not a day of the calendar") from None
    if moment.utcoffset() != moment.replace(fold=1).utcoffset():
        raise ValueError(f"{zone} has this time twice or not at all, for its clocks change: write it with an offset")
    since = moment - _EPOCH
    return since.days * 86_400 + since.seconds
