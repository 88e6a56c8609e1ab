"""Indicator state of every symbol: a Faust table of flat rows, in RocksDB and its changelog.

A row is a header (layout hash, source offset of the last tick applied, its event time) and the state's float64 vector,
little-endian. Faust recovers the table; the rows are written by ourselves, because a Faust table write is not durable
when it returns and the local store would be ahead of the committed offsets: changelog first and acknowledged, then the
commit, then RocksDB with the changelog's offset in the same write.
"""

import asyncio
import struct
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, cast

import numpy as np
from faust.tables.table import Table

from streams.columns import F64
from streams.errors import RetryError, StateError
from streams.kafka.outlet import Outlet
from tables.local_store import LocalStore

HEADER: Final = struct.Struct("<Qqq")
ROCKSDB_OPTIONS: Final = {
    "driver": "rocksdict",
    # Per partition; RocksDB's own 2 GiB cache and 3 x 64 MiB buffers are for one database, not for eight.
    "block_cache_size": 8 * 1024 * 1024,
    "write_buffer_size": 4 * 1024 * 1024,
    "max_write_buffer_number": 2,
    "max_open_files": 64,
}


class Row(NamedTuple):
    """One symbol's saved state."""

    layout: int
    offset: int
    ts_ns: int
    state: F64


def encode_row(row: Row) -> bytes:
    """Bytes of a table value."""
    return HEADER.pack(row.layout, row.offset, row.ts_ns) + row.state.astype("<f8", copy=False).tobytes()


def decode_row(value: bytes, *, symbol: str, layout: int, width: int) -> Row:
    """Row of `symbol`, checked against the running feature set.

    Raises:
        StateError: the row was written by another feature set, or is cut short.
    """
    if len(value) != HEADER.size + 8 * width or HEADER.unpack_from(value)[0] != layout:
        found = HEADER.unpack_from(value)[0] if len(value) >= HEADER.size else 0
        raise StateError(
            f"state of {symbol}: layout {found:016x} with {(len(value) - HEADER.size) / 8:g} numbers, the feature set "
            f"has {layout:016x} with {width}; run the feature set that wrote it, or start with a new HAYATE_APP_ID and "
            "an empty HAYATE_DATA_DIR"
        )
    _, offset, ts_ns = HEADER.unpack_from(value)
    return Row(layout, offset, ts_ns, np.frombuffer(value, "<f8", offset=HEADER.size).astype(np.float64))


def source_offset(key: bytes | None, value: bytes) -> int:
    """Source offset of the last tick applied to a row.

    Raises:
        StateError: it is no row.
    """
    if len(value) < HEADER.size:
        raise StateError(
            f"state of {key!r}: {len(value)} bytes are no row; something else writes to the changelog, or the local "
            "store is damaged: empty HAYATE_DATA_DIR, and if that does not help start with a new HAYATE_APP_ID"
        )
    return int(HEADER.unpack_from(value)[1])


ROWS_AT_ONCE: Final = 64
"""Rows that are looked through in one go."""


class IndicatorStateTable(Table[bytes, bytes]):
    """The Faust table; `partition_rows` reads and writes one partition of it, tables/recovery.py recovers it."""

    def _new_store(self) -> LocalStore:
        return LocalStore(
            self.app.conf.store,
            self.app,
            self,
            table_name=self.name,
            key_type=self.key_type,
            key_serializer=self.key_serializer,
            value_type=self.value_type,
            value_serializer=self.value_serializer,
            options=self.options,
        )

    @property
    def local(self) -> LocalStore:
        """The local store."""
        return cast(LocalStore, self.data)

    async def symbols(self, partition: int) -> frozenset[str]:
        """Symbols that have a row in a partition."""
        found = []
        for number, (key, _) in enumerate(self.local.rows_of(partition)):
            if not key.startswith(b"\0"):  # rows that are of no symbol
                found.append(key.decode())
            if number % ROWS_AT_ONCE == 0:
                await asyncio.sleep(0)
        return frozenset(found)

    def partition_rows(self, partition: int, producer: Callable[[], Any]) -> "PartitionRows":
        """The rows of one partition, for one lane."""
        return PartitionRows(self.local, self.changelog_topic.get_topic_name(), partition, producer)


class PartitionRows:
    """Rows of one partition of the table."""

    def __init__(self, store: LocalStore, changelog: str, partition: int, producer: Callable[[], Any]) -> None:
        self._store = store
        self._partition = partition
        self._changelog = Outlet(producer, changelog, partition)

    def get(self, symbol: str) -> bytes | None:
        """Saved row of a symbol."""
        return self._store.get_row(self._partition, symbol.encode())

    def items(self) -> Iterator[tuple[str, bytes]]:
        """Every saved row of the partition."""
        return ((key.decode(), value) for key, value in self._store.rows_of(self._partition))

    def write(self, rows: dict[str, bytes]) -> "RowWrite":
        """One checkpoint's rows, to be written in two steps."""
        return RowWrite(self, rows)

    async def to_changelog(self, rows: dict[str, bytes]) -> int:
        """Send rows to the changelog; offset of the last one once all are acknowledged."""
        await self._changelog.open()
        self._changelog.put([(symbol.encode(), value, (), None) for symbol, value in rows.items()])
        ticket = self._changelog.put_count
        await self._changelog.wait_acknowledged(ticket)
        end = self._changelog.end_at(ticket)
        if end is None:
            raise RetryError("the changelog's offset is unknown after a repeated write")
        return end - 1

    def to_store(self, rows: dict[str, bytes], changelog_offset: int) -> None:
        """Write rows and the changelog offset they are at, in one atomic batch."""
        self._store.write_rows(
            self._partition, {symbol.encode(): value for symbol, value in rows.items()}, changelog_offset
        )

    async def close(self) -> None:
        """Send nothing more."""
        await self._changelog.close()


class RowWrite:
    """One checkpoint's rows (agents.job.Rows)."""

    def __init__(self, partition: PartitionRows, rows: dict[str, bytes]) -> None:
        self._partition = partition
        self._rows = rows
        self._offset: int | None = None

    async def to_changelog(self) -> None:
        """Write the rows to the changelog and wait until they are acknowledged."""
        self._offset = await self._partition.to_changelog(self._rows)

    def to_store(self) -> None:
        """Write the rows and the changelog's offset to RocksDB, in one step."""
        assert self._offset is not None, "the changelog comes first"
        self._partition.to_store(self._rows, self._offset)
