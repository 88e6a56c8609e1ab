"""Reading Kafka headers."""

from collections.abc import Sequence


def header(headers: Sequence[tuple[str, bytes]], name: str) -> bytes | None:
    """Value of the first header called `name`."""
    for key, value in headers:
        if key == name:
            return value
    return None


def integer(value: bytes | None) -> int:
    """A decimal header as an integer; 0 for one that is absent or no number, for anybody may write `sent_ns`."""
    return int(value) if value is not None and value.isdigit() else 0
