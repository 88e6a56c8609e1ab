"""The real table in a folder of its own."""

import asyncio
from pathlib import Path

import faust
import numpy as np
from aiokafka import ConsumerRecord
from faust.types import TP

from tables.indicator_state import ROCKSDB_OPTIONS, IndicatorStateTable, Row, encode_row
from tables.local_store import LocalStore

CHANGELOG = TP("app-state-changelog", 0)


class Disk:
    """A folder of tables; `open` again is what the next process finds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tables: list[IndicatorStateTable] = []

    def open(self) -> IndicatorStateTable:
        """The table, with every database closed that was open before."""
        self.close()
        return self.open_too()

    def open_too(self) -> IndicatorStateTable:
        """The table as a second process would open it."""
        app = faust.App("app", store="rocksdb://", datadir=self.folder, autodiscover=False)
        table = IndicatorStateTable(
            app, name="state", partitions=4, key_type=bytes, value_type=bytes, options=dict(ROCKSDB_OPTIONS)
        )
        table.local.path.mkdir(parents=True, exist_ok=True)
        self.tables.append(table)
        return table

    def local(self) -> LocalStore:
        """The store under a newly opened table."""
        return self.open().local

    def close(self) -> None:
        """Close every database."""
        for table in self.tables:
            for partition in list(table.local._dbs):
                table.local._close(partition)
        self.tables.clear()


def row(offset: int, number: float = 0.0) -> bytes:
    """A row at a source offset."""
    return encode_row(Row(7, offset, offset, np.array([number])))


def change(key: bytes, value: bytes | None, offset: int, partition: int = 0) -> ConsumerRecord:
    """A changelog record."""
    return ConsumerRecord(CHANGELOG.topic, partition, offset, 0, 0, key, value, None, 0, 0, ())


def stop(store: LocalStore) -> None:
    """As Faust stops it."""
    asyncio.run(store.stop())
