"""A rejected record: the original bytes and key, and headers that say why and where it came from.

The headers that it had follow with `original.` before their names, so that it can be put back as it was.
"""

from typing import Final

from aiokafka import ConsumerRecord

from streams.kafka.outlet import Record

REASON: Final = "reason"
"""Header: a short fixed word."""
POISON: Final = b"poison"
"""Reason of a record that raised where no record should: ours to mend, and kept for that."""
MAX_DETAIL_BYTES: Final = 2_000
ORIGINAL: Final = "original."
"""Before the name of a header that the record had."""


def rejected(record: ConsumerRecord, reason: str, detail: str) -> Record:
    """What goes to `ticks-rejected` or `features-rejected` in place of an output."""
    return Record(
        record.key,
        record.value,
        [
            (REASON, reason.encode()),
            ("detail", _cut(detail)),
            ("topic", record.topic.encode()),
            ("partition", b"%d" % record.partition),
            ("offset", b"%d" % record.offset),
            *((f"{ORIGINAL}{name}", value) for name, value in record.headers),
        ],
    )


def describe(error: BaseException) -> str:
    """Type and message of an error, also of one that cannot say its message."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - somebody's __str__
        return type(error).__name__


def _cut(detail: str) -> bytes:
    """At most so many bytes of UTF-8, whole characters; lone surrogates, as undecodable bytes leave them, escaped."""
    return detail.encode(errors="backslashreplace")[:MAX_DETAIL_BYTES].decode(errors="ignore").encode()
