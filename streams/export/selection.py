"""Which feature records a training set takes: event time, symbols, one schema, and what was known by a moment."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from streams.errors import ConfigError
from streams.feeds.rfc3339 import parse_ns

NS_PER_MS: Final = 1_000_000
FIRST_NS: Final = -(2**63)
LAST_NS: Final = 2**63 - 1
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Selection:
    """Records with `start_ns <= ts_ns < end_ns` that were known by `known_at_ns`.

    `known_at_ns` is compared with the record's Kafka timestamp; None takes all. `symbols` None takes every symbol,
    `schema` empty the one schema that is there.
    """

    start_ns: int = FIRST_NS
    end_ns: int = LAST_NS
    known_at_ns: int | None = None
    symbols: frozenset[str] | None = None
    schema: str = ""

    def __post_init__(self) -> None:
        """Refuse an empty range."""
        if self.start_ns >= self.end_ns:
            raise ConfigError("--from is not before --to: the range is [from, to), give a later --to")

    def known(self, known_ns: int) -> bool:
        """Whether a record of that Kafka timestamp had been known."""
        return self.known_at_ns is None or known_ns <= self.known_at_ns

    def holds(self, ts_ns: int) -> bool:
        """Whether an event time is in the range."""
        return self.start_ns <= ts_ns < self.end_ns


def parse_time(option: str, text: str) -> int:
    """Nanoseconds since the epoch of an RFC 3339 time, or of a date's midnight in UTC.

    Raises:
        ConfigError: neither; `option` is named.
    """
    try:
        if _DATE.fullmatch(text):
            date.fromisoformat(text)
            return parse_ns(f"{text}T00:00:00Z")
        return parse_ns(text)
    except ValueError as error:
        raise ConfigError(f"{option} {text}: {error}; or give a date such as 2026-09-21 (its midnight, UTC)") from None


def parse_symbols(text: str) -> frozenset[str] | None:
    """`A,B` -> those symbols; nothing -> None, which is every symbol."""
    return frozenset(part.strip() for part in text.split(",") if part.strip()) or None
