"""The file of a training set: Parquet in row groups, or CSV. It bears its name only once it is complete."""

import csv
import math
from collections.abc import Mapping, Sequence
from itertools import repeat
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from streams.errors import ConfigError

ROW_GROUP: Final = 65_536
"""Rows that are gathered before they are written."""
INTEGERS: Final = ("ts_ns", "known_ns", "label_known_ns")
TEXTS: Final = ("id", "symbol", "schema", "status", "flags")
LABEL: Final = "label"

Column: TypeAlias = "Sequence[str] | NDArray[Any]"
"""Texts; int64 or int8, masked where null; or float64, NaN where null."""
Columns: TypeAlias = Mapping[str, Column]


class TrainingFile(Protocol):
    """Takes rows as columns of the same length, always the same ones in the same order."""

    def write(self, columns: Columns) -> None:
        """Add rows."""

    def __enter__(self) -> "TrainingFile":
        """Use it in a `with` block, whose end completes the file, and whose error removes it."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Complete or remove the file."""


def check_out(out: Path) -> None:
    """ConfigError unless a training set can be written to `out`: its ending, its folder, the library for it."""
    if out.suffix not in (".parquet", ".csv"):
        raise ConfigError(f"--out {out}: name a file that ends in .parquet or .csv")
    if not out.parent.is_dir():
        raise ConfigError(f"--out {out}: {out.parent} is no folder; make it")
    if out.suffix == ".parquet":
        try:
            import pyarrow.parquet  # noqa: F401, PLC0415 - an extra
        except ImportError:
            raise ConfigError(
                f"--out {out}: Parquet needs pyarrow, which is not installed: pip install '.[parquet]', or name a .csv"
            ) from None


def training_file(out: Path, names: Sequence[str], about: Mapping[str, str]) -> TrainingFile:
    """A file at `out`, after `check_out`, with these columns; `about` is what a Parquet file says of itself."""
    return ParquetFile(out, names, about) if out.suffix == ".parquet" else CsvFile(out, names)


class CsvFile:
    """RFC 4180 with a header; numbers in the shortest form that reads back as the same double, nothing where null."""

    def __init__(self, out: Path, names: Sequence[str]) -> None:
        self._out, self._partial = out, _partial(out)
        self._file = self._partial.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(names)

    def write(self, columns: Columns) -> None:
        """Add rows."""
        self._writer.writerows(zip(*(_texts(column) for column in columns.values()), strict=True))

    def __enter__(self) -> "CsvFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        _finish(self._partial, self._out, complete=kind is None)


class ParquetFile:
    """Row groups of `ROW_GROUP` rows, zstd; the footer's metadata `hayate.*` says what was asked for."""

    def __init__(self, out: Path, names: Sequence[str], about: Mapping[str, str]) -> None:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        import pyarrow.parquet as pq  # noqa: PLC0415

        self._pa = pa
        fields = [pa.field(name, _arrow_type(pa, name), nullable=name not in (*TEXTS, "ts_ns")) for name in names]
        self._schema = pa.schema(fields, metadata={f"hayate.{key}": value for key, value in about.items()})
        self._out, self._partial = out, _partial(out)
        self._writer = pq.ParquetWriter(self._partial, self._schema, compression="zstd")
        self._waiting: list[Any] = []
        self._rows = 0

    def write(self, columns: Columns) -> None:
        """Add rows; they are written once they fill a row group."""
        arrays = [self._array(name, column) for name, column in columns.items()]
        self._waiting.append(self._pa.record_batch(arrays, schema=self._schema))
        self._rows += len(arrays[0])
        if self._rows >= ROW_GROUP:
            self._store()

    def __enter__(self) -> "ParquetFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._store()
        self._writer.close()
        _finish(self._partial, self._out, complete=kind is None)

    def _store(self) -> None:
        if self._waiting:
            self._writer.write_table(self._pa.Table.from_batches(self._waiting), row_group_size=ROW_GROUP)
            self._waiting.clear()
            self._rows = 0

    def _array(self, name: str, column: Column) -> Any:
        kind = _arrow_type(self._pa, name)
        if isinstance(column, np.ma.MaskedArray):
            return self._pa.array(column.filled(0), kind, mask=np.ma.getmaskarray(column))
        return self._pa.array(column, kind, from_pandas=True)  # NaN is null


def _arrow_type(pa: Any, name: str) -> Any:
    if name in TEXTS:
        return pa.string()
    if name in INTEGERS:
        return pa.int64()
    return pa.int8() if name == LABEL else pa.float64()


def _texts(column: Column) -> Sequence[object]:
    if isinstance(column, np.ma.MaskedArray):
        return ["" if number is None else number for number in column.tolist()]
    if isinstance(column, np.ndarray):
        return ["" if isinstance(number, float) and math.isnan(number) else number for number in column.tolist()]
    return column


def _partial(out: Path) -> Path:
    return out.with_name(f"{out.name}.partial")


def _finish(partial: Path, out: Path, *, complete: bool) -> None:
    if complete:
        partial.replace(out)
    else:
        partial.unlink(missing_ok=True)


def constant(text: str, count: int) -> Sequence[str]:
    """A column that says the same in each row."""
    return list(repeat(text, count))
