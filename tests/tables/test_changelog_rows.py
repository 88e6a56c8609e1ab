"""What recovery keeps of a changelog: the newest row of each key, whatever stands behind it and wherever it is cut."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.errors import StateError
from tables.changelog_rows import ChangelogRows
from tables.local_store import LocalStore
from tests.tables.disk import CHANGELOG, Disk, change, row


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A folder for tables."""
    disk = Disk(tmp_path)
    yield disk
    disk.close()


def recover(store: LocalStore, *changes: tuple[bytes, bytes | None, int]) -> None:
    """Take these (key, row, changelog offset) into the local store as one recovery does."""
    rows = ChangelogRows(store, 0, empty=store.persisted_offset(CHANGELOG) is None)
    rows.take(change(*each) for each in changes)
    store_all(store, rows)


def store_all(store: LocalStore, rows: ChangelogRows) -> None:
    """Write what was taken."""
    cut = rows.cut()
    if cut is not None:
        store.write_rows(rows.partition, *cut)


def test_a_zombies_older_rows_are_ignored(disk: Disk) -> None:
    """Within what is read, and against what the store has; the offset advances past them all the same."""
    store = disk.local()
    store.write_rows(0, {b"A": row(50, 1.0)}, 10)
    recover(
        store,
        (b"A", row(49, 2.0), 11),
        (b"B", row(7, 3.0), 12),
        (b"B", row(6, 4.0), 13),
        (b"B", row(7, 3.5), 15),
        (b"A", row(48, 6.0), 16),
    )
    store = disk.local()
    assert store.get_row(0, b"A") == row(50, 1.0)
    assert store.get_row(0, b"B") == row(7, 3.5), "of equal ones the last counts"
    assert store.persisted_offset(CHANGELOG) == 16


def test_nothing_new(disk: Disk) -> None:
    """Only older rows: the offset still advances. Nothing at all: there is nothing to write."""
    store = disk.local()
    store.write_rows(0, {b"A": row(50)}, 0)
    recover(store, (b"A", row(49), 1))
    assert store.persisted_offset(CHANGELOG) == 1
    assert ChangelogRows(store, 0, empty=False).cut() is None
    assert store.get_row(0, b"A") == row(50)


def test_a_tombstone_removes_a_row(disk: Disk) -> None:
    """And a row after it counts as the first."""
    store = disk.local()
    store.write_rows(0, {b"A": row(50), b"B": row(3)}, 4)
    recover(store, (b"A", None, 5), (b"B", None, 6), (b"B", row(1), 7))
    assert store.get_row(0, b"A") is None
    assert store.get_row(0, b"B") == row(1)


def test_what_waits_is_counted_once_per_key(disk: Disk) -> None:
    """Repeats replace each other in memory, and a cut empties it."""
    rows = ChangelogRows(disk.local(), 0, empty=True)
    rows.take([change(b"A", row(n), n) for n in range(5)])
    assert rows.bytes == len(row(0))
    rows.take([change(b"A", None, 5), change(b"B", row(1), 6), change(b"C", None, 7)])
    assert rows.bytes == len(row(0))
    cut = rows.cut()
    assert cut is not None
    assert cut.rows == {b"A": None, b"B": row(1), b"C": None}
    assert (cut.changelog_offset, rows.bytes) == (7, 0)
    assert rows.cut() is None


@settings(max_examples=20)  # each opens a database
@given(
    st.lists(st.tuples(st.sampled_from("ABC"), st.none() | st.integers(0, 9)), max_size=20),
    st.lists(st.integers(1, 19)),
    st.booleans(),
)
def test_the_newest_row_is_kept(
    tmp_path_factory: pytest.TempPathFactory,
    changes: list[tuple[str, int | None]],
    cuts: list[int],
    crashing: bool,
) -> None:
    """Whatever the order of the changelog, however it is cut into writes, and whether a new recovery begins at each."""
    disk = Disk(tmp_path_factory.mktemp("disk"))
    store = disk.local()
    expected: dict[str, bytes] = {}
    newest: dict[str, int] = {}
    log = []
    for place, (symbol, offset) in enumerate(changes):
        value = None if offset is None else row(offset, float(place))
        log.append(change(symbol.encode(), value, place))
        if offset is None:
            expected.pop(symbol, None)
            newest.pop(symbol, None)
        elif offset >= newest.get(symbol, -1):
            assert value is not None
            expected[symbol], newest[symbol] = value, offset
    rows = ChangelogRows(store, 0, empty=True)
    for begin, end in pairwise(sorted({0, len(log), *(cut for cut in cuts if cut < len(log))})):
        rows.take(log[begin:end])
        store_all(store, rows)
        if crashing:
            rows = ChangelogRows(store, 0, empty=False)
    assert {s: store.get_row(0, s.encode()) for s in "ABC"} == {s: expected.get(s) for s in "ABC"}
    assert store.persisted_offset(CHANGELOG) == (len(log) - 1 if log else None)
    disk.close()


@pytest.mark.parametrize("where", ["store", "changelog"])
def test_what_is_no_row_is_refused(disk: Disk, where: str) -> None:
    """Shorter than its header: a StateError that names the key."""
    store = disk.local()
    store.write_rows(0, {b"A": b"short" if where == "store" else row(0)}, 0)
    with pytest.raises(StateError, match="A"):
        recover(store, (b"A", row(1) if where == "store" else b"short", 1))
