"""State rows: their bytes, the real table over RocksDB, and a recovery that meets a zombie's rows."""

import struct
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faust.types import TP
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from streams.errors import RetryError, StateError
from tables.indicator_state import HEADER, ROCKSDB_OPTIONS, Row, decode_row, encode_row
from tests.agents.fake_kafka import FakeKafka, FakeProducer, produce_error
from tests.agents.virtual_time import run
from tests.tables.disk import CHANGELOG, Disk, row

INT64 = st.integers(-(2**63), 2**63 - 1)
STATE = arrays.arrays(np.float64, st.integers(0, 40), elements=st.floats(width=64))


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


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A folder for tables."""
    disk = Disk(tmp_path)
    yield disk
    disk.close()


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
    assert table.local.persisted_offset(CHANGELOG) == 41
    assert table.local.persisted_offset(TP(CHANGELOG.topic, 3)) == 12
    assert table.local.persisted_offset(TP(CHANGELOG.topic, 1)) is None


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
        assert table.local.persisted_offset(CHANGELOG) is None
        write.to_store()
        assert rows.get("B") == row(6)
        assert table.local.persisted_offset(CHANGELOG) == 2
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


def test_the_symbols_of_a_partition(disk: Disk) -> None:
    """Those that have a row in it; rows of no symbol, such as the references', are none."""

    async def scenario() -> None:
        table = disk.open()
        names = {f"S{number}" for number in range(150)}
        table.partition_rows(0, lambda: None).to_store({"\0references": row(1), **dict.fromkeys(names, row(2))}, 0)
        assert await table.symbols(0) == names
        assert await table.symbols(1) == frozenset()

    run(scenario())


def test_rocksdb_has_our_options(disk: Disk) -> None:
    """As RocksDB itself wrote them down when it opened the database."""
    table = disk.open()
    table.partition_rows(0, lambda: None).to_store({"A": row(1)}, 0)
    store = table.local
    assert store.use_rocksdict
    assert store.rocksdb_options.block_cache_size == ROCKSDB_OPTIONS["block_cache_size"]
    text = max(store.partition_path(0).glob("OPTIONS-*")).read_text()
    for name in ("write_buffer_size", "max_write_buffer_number", "max_open_files"):
        assert f"  {name}={ROCKSDB_OPTIONS[name]}\n" in text, name


def test_the_header_is_what_the_docstring_says() -> None:
    """Layout hash, source offset, event time: 24 bytes."""
    assert HEADER.size == 24
