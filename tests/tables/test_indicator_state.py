"""State rows: their bytes, the real table over RocksDB, and a recovery that meets a zombie's rows."""

import gc
import struct
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import faust
import numpy as np
import pytest
from faust.stores.rocksdb import Store
from faust.types import TP
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from streams.errors import RetryError, StateError
from tables.indicator_state import HEADER, ROCKSDB_OPTIONS, IndicatorStateTable, Row, decode_row, encode_row
from tests.agents.fake_kafka import FakeKafka, FakeProducer, produce_error
from tests.agents.virtual_time import run

INT64 = st.integers(-(2**63), 2**63 - 1)
STATE = arrays.arrays(np.float64, st.integers(0, 40), elements=st.floats(width=64))
CHANGELOG = TP("app-state-changelog", 0)


@given(st.integers(0, 2**64 - 1), INT64, INT64, STATE)
@example(2**64 - 1, -1, -(2**63), np.array([np.nan, -0.0]))
def test_a_row_reads_back_bit_for_bit(layout: int, offset: int, ts_ns: int, state: Any) -> None:
    """NaNs and their bits, infinities, negative zeros and denormals included; and the copy is the reader's own."""
    value = encode_row(Row(layout, offset, ts_ns, state))
    assert len(value) == 24 + 8 * len(state)
    row = decode_row(value, symbol="A", layout=layout, width=len(state))
    assert row[:3] == (layout, offset, ts_ns)
    assert row.state.tobytes() == state.tobytes()
    assert row.state.dtype == np.float64
    row.state[:] = 0


@given(st.integers(0, 6), st.integers(0, 8 * 8), st.booleans())
def test_other_rows_are_refused(width: int, size: int, same_layout: bool) -> None:
    """Another layout, another width, cut short anywhere, even within the header: by symbol, with the remedy."""
    value = encode_row(Row(7, 1, 2, np.ones(5)))[:size]
    expected = same_layout and size == HEADER.size + 8 * width
    refused = nullcontext() if expected else pytest.raises(StateError, match=r"BTC/USDT.*HAYATE_APP_ID")
    with refused:
        decode_row(value, symbol="BTC/USDT", layout=7 if same_layout else 8, width=width)


def test_the_bytes_are_little_endian() -> None:
    """A file moves between machines."""
    value = encode_row(Row(1, 2, 3, np.array([1.5], ">f8").astype(np.float64)))
    assert value == struct.pack("<Qqqd", 1, 2, 3, 1.5)


class Disk:
    """The real table in a folder of its own; `open` again is what the next process finds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tables: list[IndicatorStateTable] = []

    def open(self) -> IndicatorStateTable:
        """The table, with every database closed that was open before."""
        self.close()
        app = faust.App("app", store="rocksdb://", datadir=self.folder, autodiscover=False)
        table = IndicatorStateTable(
            app, name="state", partitions=4, key_type=bytes, value_type=bytes, options=dict(ROCKSDB_OPTIONS)
        )
        self.store(table).path.mkdir(parents=True, exist_ok=True)
        self.tables.append(table)
        return table

    def close(self) -> None:
        """Let go of all files: rocksdict closes a database when it is collected."""
        for table in self.tables:
            self.store(table)._dbs.clear()
        self.tables.clear()
        gc.collect()

    @staticmethod
    def store(table: IndicatorStateTable) -> Store:
        """Faust's store under a table."""
        return cast(Store, table.data)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A folder for tables."""
    disk = Disk(tmp_path)
    yield disk
    disk.close()


def row(offset: int, number: float = 0.0) -> bytes:
    """A row at a source offset."""
    return encode_row(Row(7, offset, offset, np.array([number])))


def event(key: bytes, value: bytes | None, offset: int, partition: int = 0) -> Any:
    """A changelog record as Faust's recovery hands it over."""
    tp = TP(CHANGELOG.topic, partition)
    return SimpleNamespace(message=SimpleNamespace(tp=tp, partition=partition, offset=offset, key=key, value=value))


def test_rows_and_their_offset_survive_the_process(disk: Disk) -> None:
    """Written in one step, found by the next process, each partition for itself."""
    table = disk.open()
    assert table.partition_rows(0, lambda: None).get("A") is None
    table.partition_rows(0, lambda: None).to_store({"A": row(5), "BTC/USDT": row(6)}, 41)
    table.partition_rows(3, lambda: None).to_store({"A": row(9)}, 12)
    table = disk.open()
    assert table.partition_rows(0, lambda: None).get("A") == row(5)
    assert table.partition_rows(0, lambda: None).get("BTC/USDT") == row(6)
    assert table.partition_rows(3, lambda: None).get("A") == row(9)
    assert table.partition_rows(1, lambda: None).get("A") is None
    assert table.persisted_offset(CHANGELOG) == 41
    assert table.persisted_offset(TP(CHANGELOG.topic, 3)) == 12
    assert table.persisted_offset(TP(CHANGELOG.topic, 1)) is None


def test_a_checkpoint_goes_to_the_changelog_first(disk: Disk) -> None:
    """Nothing is in RocksDB before `to_store`, which puts rows and changelog offset there at once."""

    async def scenario() -> None:
        kafka = FakeKafka()
        kafka.append(CHANGELOG.topic, 0, (b"older", row(1), ()))
        table = disk.open()
        producer = FakeProducer(kafka)
        rows = table.partition_rows(0, lambda: producer)
        write = rows.write({"A": row(5), "B": row(6)})
        await write.to_changelog()
        assert [(r.key, r.value) for r in kafka.log(CHANGELOG.topic)][1:] == [(b"A", row(5)), (b"B", row(6))]
        assert rows.get("A") is None
        assert table.persisted_offset(CHANGELOG) is None
        write.to_store()
        assert rows.get("B") == row(6)
        assert table.persisted_offset(CHANGELOG) == 2
        await rows.close()
        await producer.stop()

    run(scenario())


def test_a_failed_changelog_write_is_raised(disk: Disk) -> None:
    """And nothing is written after it."""

    async def scenario() -> None:
        kafka = FakeKafka()
        producer = FakeProducer(kafka)
        rows = disk.open().partition_rows(0, lambda: producer)
        producer.failing[CHANGELOG.topic] = produce_error()
        with pytest.raises(RetryError, match="produce failed"):
            await rows.write({"A": row(5)}).to_changelog()
        with pytest.raises(RetryError):
            await rows.write({"A": row(6)}).to_changelog()
        assert kafka.log(CHANGELOG.topic) == []
        await rows.close()
        await producer.stop()

    run(scenario())


def test_recovery_ignores_a_zombies_older_rows(disk: Disk) -> None:
    """Within a batch of the changelog, and against what the store has; the offset advances past them all the same."""
    table = disk.open()
    table.partition_rows(0, lambda: None).to_store({"A": row(50, 1.0)}, 10)
    table.apply_changelog_batch(
        [
            event(b"A", row(49, 2.0), 11),
            event(b"B", row(7, 3.0), 12),
            event(b"B", row(6, 4.0), 13),
            event(b"C", row(1, 5.0), 14, partition=2),
            event(b"B", row(7, 3.5), 15),
            event(b"A", row(48, 6.0), 16),
        ]
    )
    table = disk.open()
    rows = table.partition_rows(0, lambda: None)
    assert rows.get("A") == row(50, 1.0)
    assert rows.get("B") == row(7, 3.5)
    assert table.partition_rows(2, lambda: None).get("C") == row(1, 5.0)
    assert table.persisted_offset(CHANGELOG) == 16
    assert table.persisted_offset(TP(CHANGELOG.topic, 2)) == 14


def test_recovery_of_nothing_new(disk: Disk) -> None:
    """Only older rows: the offset still advances, and never goes back."""
    table = disk.open()
    table.partition_rows(0, lambda: None).to_store({"A": row(50)}, 0)
    table.apply_changelog_batch([event(b"A", row(49), 1)])
    assert table.persisted_offset(CHANGELOG) == 1
    table.apply_changelog_batch([event(b"A", row(48), 0)])
    assert table.persisted_offset(CHANGELOG) == 1
    table.apply_changelog_batch([])
    assert table.partition_rows(0, lambda: None).get("A") == row(50)


def test_a_tombstone_removes_a_row(disk: Disk) -> None:
    """And a row after it counts as the first."""
    table = disk.open()
    table.partition_rows(0, lambda: None).to_store({"A": row(50), "B": row(3)}, 4)
    table.apply_changelog_batch([event(b"A", None, 5), event(b"B", None, 6), event(b"B", row(1), 7)])
    rows = table.partition_rows(0, lambda: None)
    assert rows.get("A") is None
    assert rows.get("B") == row(1)


@settings(max_examples=20)  # each opens a database
@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 9)), max_size=20), st.lists(st.integers(1, 19)))
def test_recovery_keeps_the_newest_row(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, int]], cuts: list[int]
) -> None:
    """Whatever the order of the changelog and however recovery cuts it; of equals, the last."""
    disk = Disk(tmp_path_factory.mktemp("disk"))
    table = disk.open()
    expected: dict[str, tuple[int, int]] = {}
    for place, (symbol, offset) in enumerate(changes):
        if offset >= expected.get(symbol, (-1, 0))[0]:
            expected[symbol] = (offset, place)
    bounds = sorted({0, len(changes), *(cut for cut in cuts if cut < len(changes))})
    for begin, end in pairwise(bounds):
        table.apply_changelog_batch(
            [
                event(symbol.encode(), row(offset, float(place)), place)
                for place, (symbol, offset) in list(enumerate(changes))[begin:end]
            ]
        )
    rows = table.partition_rows(0, lambda: None)
    assert {symbol: rows.get(symbol) for symbol in "ABC"} == {
        symbol: row(expected[symbol][0], float(expected[symbol][1])) if symbol in expected else None for symbol in "ABC"
    }
    assert table.persisted_offset(CHANGELOG) == (len(changes) - 1 if changes else None)
    disk.close()


def test_a_damaged_row_in_the_store_is_refused_at_recovery(disk: Disk) -> None:
    """Shorter than its header: a StateError that says so, and no struct.error."""
    table = disk.open()
    table.partition_rows(0, lambda: None).to_store({"A": b"short"}, 0)
    with pytest.raises(StateError, match="A"):
        table.apply_changelog_batch([event(b"A", row(1), 1)])


def test_rocksdb_has_our_options(disk: Disk) -> None:
    """As RocksDB itself wrote them down when it opened the database."""
    table = disk.open()
    table.partition_rows(0, lambda: None).to_store({"A": row(1)}, 0)
    store = disk.store(table)
    assert store.use_rocksdict
    assert store.rocksdb_options.block_cache_size == ROCKSDB_OPTIONS["block_cache_size"]
    text = max(store.partition_path(0).glob("OPTIONS-*")).read_text()
    for name in ("write_buffer_size", "max_write_buffer_number", "max_open_files"):
        assert f"  {name}={ROCKSDB_OPTIONS[name]}\n" in text, name


def test_the_header_is_what_the_docstring_says() -> None:
    """Layout hash, source offset, event time: 24 bytes."""
    assert HEADER.size == 24
