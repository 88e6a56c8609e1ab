"""What the local store does when the disk does not: damage is mended from the changelog, all else has a name."""

import asyncio
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from tables.local_store import DAMAGED, LocalStore, LocalStoreError
from tests.tables.disk import CHANGELOG, Disk, row, stop

MANY = {b"S%04d" % number: os.urandom(1_000) for number in range(500)}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A folder for tables."""
    disk = Disk(tmp_path)
    yield disk
    disk.close()


def test_rows_and_offset_are_written_in_one_step(disk: Disk) -> None:
    """And None removes one; what the next process finds is the same."""
    store = disk.local()
    assert store.persisted_offset(CHANGELOG) is None
    store.write_rows(0, {b"A": row(1), b"B": row(2)}, 7)
    store.write_rows(0, {b"A": None}, 8)
    store = disk.local()
    assert (store.get_row(0, b"A"), store.get_row(0, b"B")) == (None, row(2))
    assert store.persisted_offset(CHANGELOG) == 8
    assert store.persisted_offset(TP(CHANGELOG.topic, 1)) is None


def test_revoked_partitions_are_closed(disk: Disk) -> None:
    """Another worker can open them at once, though somebody here still holds the database."""
    table = disk.open()
    for partition in (0, 1):
        table.local.write_rows(partition, {b"A": row(partition)}, 0)
    held = table.local._dbs[0]
    changelog = table.changelog_topic.get_topic_name()
    table.local.revoke_partitions(table, {TP(changelog, 0), TP(changelog, 3), TP("other", 1)})
    other = disk.open_too().local
    assert other.get_row(0, b"A") == row(0)
    with pytest.raises(LocalStoreError, match="HAYATE_DATA_DIR of its own"):
        other.get_row(1, b"A")
    assert held is not None


def test_a_stopped_store_holds_no_lock(disk: Disk) -> None:
    """Even while a reference to its database is left."""
    store = disk.local()
    store.write_rows(0, {b"A": row(1)}, 0)
    held = store._dbs[0]
    stop(store)
    assert disk.open_too().local.get_row(0, b"A") == row(1)
    assert held is not None


def test_a_locked_database_is_refused_at_once(disk: Disk) -> None:
    """By name, without the 30 s of Faust's retries, also where another process holds it."""
    store = disk.local()
    path = store.partition_path(2)
    program = (
        "import sys, rocksdict; o = rocksdict.Options(raw_mode=True); o.create_if_missing(True)\n"
        f"d = rocksdict.Rdict({str(path)!r}, options=o); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(LocalStoreError, match=f"{path}.*another process uses it"):
            asyncio.run(asyncio.wait_for(store._try_open_db_for_partition(2), 10))
        other.communicate()
    asyncio.run(store._try_open_db_for_partition(2))


def _garble(path: Path, at: int, size: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(os.urandom(size))


def _damage(kind: str, path: Path) -> None:
    table = next(path.glob("*.sst"))
    match kind:
        case "current":
            (path / "CURRENT").write_text("garbage")
        case "no-current":
            (path / "CURRENT").unlink()
        case "manifest":
            _garble(next(path.glob("MANIFEST-*")), 10, 200)
        case "no-table":
            table.unlink()
        case "short-table":
            os.truncate(table, 5_000)


@pytest.mark.parametrize("kind", ["current", "no-current", "manifest", "no-table", "short-table"])
def test_a_damaged_database_is_made_anew(disk: Disk, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is empty then, so that recovery reads all of the changelog; it says so; other partitions keep theirs."""
    store = disk.local()
    for partition in (0, 1):
        store.write_rows(partition, MANY, 41)
        store._dbs[partition].flush()
    disk.close()
    _damage(kind, store.partition_path(0))
    store = disk.local()
    assert store.persisted_offset(CHANGELOG) is None
    assert str(store.partition_path(0)) in caplog.text
    assert "changelog" in caplog.text
    assert store.persisted_offset(TP(CHANGELOG.topic, 1)) == 41
    store.write_rows(0, {b"A": row(1)}, 42)
    assert disk.local().get_row(0, b"A") == row(1)


def test_damage_that_shows_at_a_read_is_mended_by_the_next_start(disk: Disk) -> None:
    """RocksDB opens such a database without a word; the read ends the worker, and the next one begins anew."""
    store = disk.local()
    store.write_rows(0, MANY, 41)
    store._dbs[0].flush()
    disk.close()
    _garble(next(store.partition_path(0).glob("*.sst")), 1_000, 300_000)
    store = disk.local()
    with pytest.raises(LocalStoreError, match="start the worker again"):
        [store.get_row(0, key) for key in MANY]
    assert (store.partition_path(0) / DAMAGED).exists()
    store = disk.local()
    assert store.persisted_offset(CHANGELOG) is None
    assert [store.get_row(0, key) for key in MANY] == [None] * len(MANY)
    store.write_rows(0, MANY, 41)
    assert disk.local().persisted_offset(CHANGELOG) == 41, "once is enough"


def write_until_it_fails(store: LocalStore) -> None:
    """More than a memtable holds."""
    for offset in range(2, 100):
        store.write_rows(0, MANY, offset)


def test_a_full_disk_has_a_name(disk: Disk, caplog: pytest.LogCaptureFixture) -> None:
    """As a limit on file sizes shows it; nothing of the failed step is there afterwards, and closing survives it."""
    store = disk.local()
    store.write_rows(0, {b"A": row(1)}, 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(LocalStoreError, match=r"File too large.*ulimit"):
            write_until_it_fails(store)
        stop(store)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "not closed cleanly" in caplog.text
    store = disk.local()
    assert store.get_row(0, b"A") == row(1)
    assert (store.persisted_offset(CHANGELOG) == 1) == (store.get_row(0, b"S0000") is None)


def test_a_folder_that_is_gone_has_a_name(disk: Disk) -> None:
    """Sooner or later a write fails; the next start finds an empty folder and recovers everything."""
    store = disk.local()
    store.write_rows(0, {b"A": row(1)}, 1)
    shutil.rmtree(disk.folder)
    with pytest.raises(LocalStoreError, match=r"No such file or directory.*start the worker again"):
        write_until_it_fails(store)
    disk.close()
    assert disk.local().persisted_offset(CHANGELOG) is None


def test_a_folder_that_cannot_be(disk: Disk) -> None:
    """A file stands in its place."""
    store = disk.local()
    store.partition_path(0).write_text("no folder")
    with pytest.raises(LocalStoreError, match=str(store.partition_path(0))):
        store.write_rows(0, {b"A": row(1)}, 1)


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ("IO error: No space left on device: While appending to file: x", "free some space"),
        ("IO error: While mkdir: Permission denied", "make it writable"),
        ("IO error: Read-only file system", "mount it writable"),
        ("something else", "see to HAYATE_DATA_DIR"),
    ],
)
def test_what_rocksdb_says_and_what_to_do(disk: Disk, message: str, remedy: str) -> None:
    """Troubles that no test can bring about without a disk of its own."""
    store = disk.local()

    def fail(*_: Any) -> None:
        raise Exception(message)

    store._dbs[0] = SimpleNamespace(get=fail, write=fail, close=lambda: None)
    with pytest.raises(LocalStoreError, match=f"{message}.*{remedy}"):
        store.get_row(0, b"A")
    with pytest.raises(LocalStoreError, match=f"{message}.*{remedy}"):
        store.write_rows(0, {}, 1)


def test_rows_are_not_compressed(disk: Disk) -> None:
    """It costs half of a write's time, and floats hardly shrink."""
    store: LocalStore = disk.local()
    store.write_rows(0, {b"A": row(1)}, 0)
    assert "  compression=kNoCompression\n" in max(store.partition_path(0).glob("OPTIONS-*")).read_text()
