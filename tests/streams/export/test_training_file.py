"""Parquet and CSV hold the same rows, to the bit, and a file that was not completed is not there."""

import builtins
import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from streams.errors import ConfigError
from streams.export.training_file import ROW_GROUP, check_out, training_file

NAMES = ("id", "ts_ns", "price", "label", "flags")


def columns(count: int, start: int = 0) -> dict[str, Any]:
    numbers = np.arange(start, start + count)
    return {
        "id": [f"ticks-0-{n}" for n in numbers.tolist()],
        "ts_ns": numbers.astype(np.int64) + 2**62,
        "price": np.where(numbers % 3 == 0, np.nan, numbers / 3),
        "label": np.ma.masked_array((numbers % 3 - 1).astype(np.int8), numbers % 5 == 0),
        "flags": ["{}"] * count,
    }


def write(out: Path, *parts: dict[str, Any]) -> None:
    with training_file(out, NAMES, {"schema": "abc"}) as file:
        for part in parts:
            file.write(part)


def test_parquet(tmp_path: Path) -> None:
    """Row groups of one size whatever the parts; doubles to the bit; nulls where there is nothing; what was asked."""
    out = tmp_path / "features.parquet"
    write(out, *(columns(1_000, start) for start in range(0, 140_000, 1_000)))
    file = pq.ParquetFile(out)
    assert file.metadata.num_rows == 140_000
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]
    assert max(sizes) <= ROW_GROUP
    assert len(sizes) <= 5
    table = file.read()
    expected = columns(140_000)
    assert table["ts_ns"].to_pylist() == expected["ts_ns"].tolist()
    assert table["price"].to_pylist() == [None if math.isnan(p) else p for p in expected["price"].tolist()]
    assert table["label"].to_pylist() == expected["label"].tolist()
    assert table.schema.metadata[b"hayate.schema"] == b"abc"
    assert [str(table.schema.field(name).type) for name in NAMES] == ["string", "int64", "double", "int8", "string"]


def test_csv(tmp_path: Path) -> None:
    out = tmp_path / "features.csv"
    write(out, columns(100), columns(50, 100))
    with out.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    expected = columns(150)
    assert tuple(header) == NAMES
    assert [float(row[2]) if row[2] else None for row in rows] == [
        None if math.isnan(p) else p for p in expected["price"].tolist()
    ]
    assert [int(row[1]) for row in rows] == expected["ts_ns"].tolist()
    assert [int(row[3]) if row[3] else None for row in rows] == expected["label"].tolist()


@pytest.mark.parametrize("name", ["features.parquet", "features.csv"])
def test_a_file_that_is_not_completed_is_not_there(tmp_path: Path, name: str) -> None:
    """And one that was there before stays as it was."""
    out = tmp_path / name
    out.write_bytes(b"before")

    def failing() -> None:
        with training_file(out, NAMES, {}) as file:
            file.write(columns(10))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert out.read_bytes() == b"before"


def test_where_a_file_cannot_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"features.txt: name a file that ends in .parquet or .csv"):
        check_out(tmp_path / "features.txt")
    with pytest.raises(ConfigError, match="is no folder; make it"):
        check_out(tmp_path / "none" / "features.csv")
    check_out(tmp_path / "features.parquet")
    imported = builtins.__import__

    def without_pyarrow(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pyarrow)
    with pytest.raises(ConfigError, match=r"pip install '.\[parquet\]', or name a .csv"):
        check_out(tmp_path / "features.parquet")
    check_out(tmp_path / "features.csv")
