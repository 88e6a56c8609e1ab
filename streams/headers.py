"""Reading Kafka headers."""

from collections.abc import Sequence
from typing import Final

MAX_INT64: Final = 2**63 - 1
MAX_DIGITS: Final = 19
"""`int` raises on thousands of digits, and what follows is int64 and float arithmetic."""


def header(headers: Sequence[tuple[str, bytes]], name: str) -> bytes | None:
    """Value of the first header called `name`."""
    for key, value in headers:
        if key == name:
            return value
    return None


def integer(value: bytes | None) -> int:
    """A decimal header as an int64; 0 for one that is absent or no such number, for anybody may write `sent_ns`."""
    if value is None or not value.isdigit() or len(value) > MAX_DIGITS:
        return 0
    number = int(value)
    return number if number <= MAX_INT64 else 0
