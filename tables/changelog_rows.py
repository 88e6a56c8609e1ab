"""What the changelog says about the rows of one partition, on its way into the local store."""

from collections.abc import Iterable
from typing import NamedTuple

from aiokafka import ConsumerRecord

from tables.indicator_state import source_offset
from tables.local_store import LocalStore


class Cut(NamedTuple):
    """What belongs into the local store in one step."""

    rows: dict[bytes, bytes | None]
    """Key -> row; None removes it."""
    changelog_offset: int


class ChangelogRows:
    """Gathers the newest row of each key, to be written to the local store together with the changelog's offset.

    "Newest" is the source offset in the row, not the place in the log: a worker that was stopped, lost its partitions
    and goes on writes stale rows behind its successor's. Of equal ones the last counts. A tombstone removes a row, and
    any row after it counts as the first.
    """

    def __init__(self, store: LocalStore, partition: int, *, empty: bool) -> None:
        self._store = store
        self.partition = partition
        self._empty = empty
        """Nothing was in the store: there is no row to compare with but those read here."""
        self._newest: dict[bytes, int] = {}
        self._rows: dict[bytes, bytes | None] = {}
        self._offset: int | None = None
        self.bytes = 0
        """Size of the values that wait for `cut`."""

    def take(self, records: Iterable[ConsumerRecord]) -> None:
        """Take records in the order of the changelog.

        Raises:
            StateError: a record is no row.
        """
        newest, rows = self._newest, self._rows
        for record in records:
            key, value = record.key, record.value
            offset = -1 if value is None else source_offset(key, value)
            if value is None or offset >= (newest[key] if key in newest else self._stored(key)):
                newest[key] = offset
                self.bytes += len(value or b"") - len(rows.get(key) or b"")
                rows[key] = value
            # Last, so that one that is no row is not passed over by the next start.
            self._offset = record.offset

    def cut(self) -> Cut | None:
        """Everything taken since the last cut; None for nothing. Later ones must be written after it."""
        if self._offset is None:
            return None
        found = Cut(self._rows, self._offset)
        self._rows, self._offset, self.bytes = {}, None, 0
        return found

    def _stored(self, key: bytes) -> int:
        stored = None if self._empty else self._store.get_row(self.partition, key)
        found = -1 if stored is None else source_offset(key, stored)
        self._newest[key] = found
        return found
