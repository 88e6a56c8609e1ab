"""The local store: one RocksDB database per partition, whose troubles are named and whose loss loses nothing.

Kafka has every row in the changelog, so a damaged database is thrown away and comes back from there. Everything else
that a disk can do (full, read-only, gone, in use by another process) ends the worker by name: it must not go on with a
store that is behind what was committed, for rows that leave memory are read back from it.
"""

import gc
import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

import rocksdict
from faust.stores.rocksdb import RocksDBOptions, Store
from faust.types import TP, CollectionT

from streams.errors import FatalError

log = logging.getLogger(__name__)

REMEDIES: Final = {
    "No space left on device": "free some space there",
    "File too large": "raise the limit on file sizes (ulimit -f)",
    "lock": "another process uses it: stop that one, or give each worker a HAYATE_DATA_DIR of its own",
    "Permission denied": "make it writable for the user that runs the worker",
    "Read-only file system": "mount it writable",
    "No such file or directory": "was HAYATE_DATA_DIR removed? start the worker again, its rows are in Kafka",
}
"""What RocksDB says, and what to do about it."""
DAMAGED: Final = "DAMAGED"
"""A file of this name in a database's folder: it could not be read, and is made anew at the next opening."""


class LocalStoreError(FatalError):
    """The data folder cannot be used; nothing is lost, all rows are in the changelog."""


class LocalOptions(RocksDBOptions):
    """Faust's options, without compression: floats hardly compress, and it took half of the time of a write."""

    def as_options(self) -> Any:
        """RocksDB's options."""
        options = super().as_options()
        options.set_compression_type(rocksdict.DBCompressionType.none())
        return options


class LocalStore(Store):
    """Faust's RocksDB store with its holes closed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rocksdb_options = LocalOptions(**(self.options or {}), use_rocksdict=True)

    def get_row(self, partition: int, key: bytes) -> bytes | None:
        """Value of a key.

        Raises:
            LocalStoreError: it cannot be read.
        """
        with self._named(partition):
            return cast("bytes | None", self._db_for_partition(partition).get(key))

    def rows_of(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        """Every key and value of a partition.

        Raises:
            LocalStoreError: it cannot be read.
        """
        with self._named(partition):
            for key, value in self._db_for_partition(partition).items():
                if key != self.offset_key:
                    yield key, value

    def write_rows(self, partition: int, rows: Mapping[bytes, bytes | None], changelog_offset: int) -> None:
        """Write rows (None removes one) and the changelog offset they are at, in one atomic batch.

        Raises:
            LocalStoreError: nothing was written.
        """
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, value in rows.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(self.offset_key, str(changelog_offset).encode())
        with self._named(partition):
            self._db_for_partition(partition).write(batch)

    def persisted_offset(self, tp: TP) -> int | None:
        """Changelog offset that the rows of this partition are at; None for an empty store."""
        found = self.get_row(tp.partition, self.offset_key)
        return None if found is None else int(found)

    def revoke_partitions(self, table: CollectionT, tps: set[TP]) -> None:
        """Close the databases of these partitions.

        faust 0.15.3 only forgets them: one that is still referred to keeps its lock, and the next opening, in this
        process or another, waits 30 s for it.
        """
        for tp in tps:
            if tp.topic in table.changelog_topic.topics:
                self._close(tp.partition)

    async def stop(self) -> None:
        """Close every database."""
        for partition in list(self._dbs):
            self._close(partition)
        gc.collect()

    async def _try_open_db_for_partition(
        self,
        partition: int,
        max_retries: int = 1,  # noqa: ARG002 - Faust's signature
        retry_delay: float = 0.0,  # noqa: ARG002 - Faust's signature
        generation_id: int = 0,  # noqa: ARG002 - Faust's signature
    ) -> Any:
        """Open once: faust 0.15.3 tries a locked database for 30 s and then dies with the bare error of RocksDB."""
        return self._db_for_partition(partition)

    def _open_for_partition(self, partition: int) -> Any:
        path = self.partition_path(partition)
        with self._named(partition):
            if (path / DAMAGED).exists():
                self._remove(path, "could not be read")
            try:
                return super()._open_for_partition(partition)
            except Exception as error:
                if not _is_damage(error):
                    raise
                self._remove(path, str(error))
            return super()._open_for_partition(partition)

    def _close(self, partition: int) -> None:
        db = self._dbs.pop(partition, None)
        if db is None:
            return
        try:
            db.close()
        except Exception as error:  # noqa: BLE001 - rocksdict knows no other class
            # What could not be written any more has been reported when it was to be written.
            log.warning("%s: not closed cleanly: %s", self.partition_path(partition), error)

    @staticmethod
    def _remove(path: Path, why: str) -> None:
        log.warning("%s is damaged (%s): made anew, its rows come back from the changelog", path, why.strip())
        shutil.rmtree(path)

    @contextmanager
    def _named(self, partition: int) -> Iterator[None]:
        """Give what rocksdict raises, a bare Exception, its name."""
        try:
            yield
        except LocalStoreError:
            raise
        except Exception as error:
            path = self.partition_path(partition)
            if _is_damage(error) and path.is_dir():
                (path / DAMAGED).touch()
                remedy = "start the worker again, it then makes the store anew from the changelog"
            else:
                remedy = next((todo for sign, todo in REMEDIES.items() if sign in str(error)), "see to HAYATE_DATA_DIR")
            raise LocalStoreError(f"local store {path}: {str(error).strip()}; {remedy}") from error


def _is_damage(error: Exception) -> bool:
    return str(error).startswith("Corruption")
