import json
import sys
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import ConfigError
from streams.feeds.column_mapping import ColumnMapping
from streams.feeds.event_times import TimeFormat
from streams.feeds.files import TickFile, TickFileError
from streams.feeds.parquet_file import BATCH_ROWS, ParquetRows
from streams.records import Tick
from tests.streams.feeds.test_files import valid_ticks

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

NINE_NS = 1_742_169_600_000_000_000
TOKYO = TimeFormat(zone="Asia/Tokyo", date=date(2025, 3, 17))


def write(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    parquet.write_table(pyarrow.table(columns), path, **options)
    return path


def test_columns_named_as_fields_with_nulls(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.parquet",
        {
            "ts": pyarrow.array([NINE_NS, NINE_NS + 1], pyarrow.timestamp("ns", "Asia/Tokyo")),
            "symbol": pyarrow.array(["ES", "NQ"]).dictionary_encode(),
            "price": pyarrow.array([Decimal("5.25"), None], pyarrow.decimal128(9, 2)),
            "size": [3, None], "bid": [None, 1.5], "ask": [None, 2.5], "side": ["sell", None],
            "seq": [7.0, None], "note": ["x", "y"], "conditions": [["@", "T"], None],
        },
    )  # fmt: skip
    assert list(TickFile(path)) == [
        Tick("ES", NINE_NS, price=5.25, size=3.0, side="sell", seq=7, conditions=("@", "T")),
        Tick("NQ", NINE_NS + 1, bid=1.5, ask=2.5),
    ]


@pytest.mark.parametrize(
    ("kind", "value", "form"),
    [
        (pyarrow.timestamp("s", "UTC"), NINE_NS // 10**9, TimeFormat()),
        (pyarrow.timestamp("ms", "America/New_York"), NINE_NS // 10**6, TimeFormat()),
        (pyarrow.timestamp("us"), datetime(2025, 3, 17, 9), TOKYO),  # noqa: DTZ001 - what a column without zone has
        (pyarrow.timestamp("ns"), NINE_NS + 9 * 3600 * 10**9, TOKYO),
        (pyarrow.time32("s"), time(9), TOKYO),
        (pyarrow.time64("ns"), 9 * 3600 * 10**9, TOKYO),
        (pyarrow.int64(), NINE_NS // 10**6, TimeFormat(unit="ms")),
        (pyarrow.float64(), NINE_NS / 10**9, TimeFormat(unit="s")),
        (pyarrow.string(), "2025-03-17T00:00:00Z", TimeFormat()),
        (pyarrow.string(), "09:00:00", TOKYO),
    ],
)
def test_times_of_every_type(tmp_path: Path, kind: Any, value: Any, form: TimeFormat) -> None:
    path = write(tmp_path / "a.parquet", {"ts": pyarrow.array([value], kind), "price": [1]})
    assert list(TickFile(path, symbol="A", mapping=ColumnMapping(time=form))) == [Tick("A", NINE_NS, price=1.0)]


def test_a_wall_clock_of_no_known_zone_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"ts": pyarrow.array([0], pyarrow.timestamp("ns")), "price": [1]})
    with pytest.raises(TickFileError, match=r"row 1, column ts: .* without a zone: name it"):
        list(TickFile(path, symbol="A"))


def test_bad_rows_are_named_or_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"T": [1, 2, 3], "price": [1.0, float("nan"), 2.0]})
    mapping = ColumnMapping({"ts_ns": "T"})
    with pytest.raises(TickFileError, match=r"row 2, column price: 'nan' not a finite number above 0"):
        list(TickFile(path, symbol="A", mapping=mapping))
    skipping = TickFile(path, symbol="A", mapping=mapping, skip_bad=True)
    assert [tick.price for tick in skipping] == [1.0, 2.0]
    assert skipping.skipped == 1


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"T": [1], "price": [1.0]})
    with pytest.raises(TickFileError, match=r"columns 'T,price' has no column ts"):
        list(TickFile(path, symbol="A"))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all", b"PAR1" + b"\xff" * 100 + b"PAR1"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(TickFileError, match=r"a\.parquet: cannot be read: "):
        list(TickFile(path, skip_bad=True))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TickFileError, match=r"none\.parquet: cannot be read: "):
        list(TickFile(tmp_path / "none.parquet"))


def test_a_damaged_page_ends_the_reading_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"ts_ns": range(1, 50_001), "price": [1.0] * 50_000}, compression="snappy")
    raw = bytearray(path.read_bytes())
    raw[1_000:120_000] = b"\xff" * 119_000
    path.write_bytes(raw)
    with pytest.raises(TickFileError, match=r"a\.parquet: cannot be read: "):
        list(TickFile(path, symbol="A", skip_bad=True))


def test_without_pyarrow_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.parquet", {"ts_ns": [1], "price": [1.0]})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match="pip install 'pyarrow"):
        list(TickFile(path, symbol="A"))


def test_rows_are_read_batch_by_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ticks cost one batch, whatever the size of the file."""
    count = 20 * BATCH_ROWS
    path = write(tmp_path / "a.parquet", {"ts_ns": range(1, count + 1), "price": [1.0] * count}, row_group_size=50_000)
    batches = []
    read = parquet.ParquetFile.iter_batches

    def counted(*args: Any, **options: Any) -> Iterator[Any]:
        for batch in read(*args, **options):
            batches.append(batch.num_rows)
            yield batch

    monkeypatch.setattr(parquet.ParquetFile, "iter_batches", counted)
    assert [tick.ts_ns for tick in islice(TickFile(path, symbol="A"), 3)] == [1, 2, 3]
    assert len(batches) == 1
    assert batches[0] <= BATCH_ROWS
    assert [tick.ts_ns for tick in TickFile(path, symbol="A")] == list(range(1, count + 1))
    assert sum(batches[1:]) == count


def test_rows_as_python_objects(tmp_path: Path) -> None:
    rows = ParquetRows(write(tmp_path / "a.parquet", {"a": [1, None], "b": ["x", "y"]}))
    assert list(rows.names) == ["a", "b"]
    assert list(rows.read(["b", "a"])) == [("x", 1), ("y", None)]


@given(ticks=st.lists(valid_ticks, min_size=1, max_size=20))
def test_the_same_ticks_from_csv_json_lines_and_parquet(
    tmp_path_factory: pytest.TempPathFactory, ticks: list[Tick]
) -> None:
    """Under foreign names, read through one mapping. Text and number as `seq` cannot share a Parquet column."""
    folder = tmp_path_factory.mktemp("files")
    names = (
        "symbol",
        "ts_ns",
        "price",
        "size",
        "bid",
        "ask",
        "bid_size",
        "ask_size",
        "side",
        "seq",
        "venue",
        "conditions",
    )
    rows = [{f"_{name}": getattr(tick, name) for name in names} for tick in ticks]
    mapping = ColumnMapping({name: f"_{name}" for name in names})
    (folder / "a.csv").write_text(
        "\n".join(
            [
                ",".join(rows[0]),
                *(
                    ",".join(
                        "" if v is None else v if isinstance(v, str) else " ".join(v) if n == "_conditions" else repr(v)
                        for n, v in row.items()
                    )
                    for row in rows
                ),
            ]
        )
    )
    (folder / "a.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    table = pyarrow.Table.from_pylist(
        [row | {"_seq": None if row["_seq"] is None else str(row["_seq"])} for row in rows]
    )
    parquet.write_table(table, folder / "a.parquet", row_group_size=3)
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        assert list(TickFile(folder / name, mapping=mapping)) == ticks, name
