"""The rows of a Parquet file, batch by batch: memory holds one batch, never the file."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from streams.errors import ConfigError
from streams.feeds.event_times import UNITS, Instant

BATCH_ROWS: Final = 8_192
_DAY_NS: Final = 86_400 * 10**9


class ParquetError(Exception):
    """The file is no Parquet, or damaged; the message says what."""


class ParquetRows:
    """Names of the columns, and their values row by row as Python objects, nulls as None.

    Timestamps with a zone come as `Instant`, those without and times of day as ISO texts (`2025-03-17T09:00:00.5`,
    `09:00:00`), whose zone and day somebody else must know; nothing loses its nanoseconds.
    """

    def __init__(self, path: Path) -> None:
        """Read the file's footer.

        Raises:
            ConfigError: pyarrow is not installed.
            ParquetError: the file is none.
            OSError: it cannot be opened.
        """
        try:
            import pyarrow  # noqa: PLC0415 - an extra, and 30 MB of memory for those who read no Parquet
            from pyarrow import parquet  # noqa: PLC0415
        except ImportError:
            raise ConfigError(
                f"{path}: reading Parquet takes the package pyarrow (extra `parquet`): pip install 'pyarrow>=17,<27'"
            ) from None
        self._arrow = pyarrow
        self._path = path
        try:
            self._file = parquet.ParquetFile(path)
        except pyarrow.ArrowException as error:
            raise ParquetError(str(error)) from error
        self.names: Sequence[str] = list(self._file.schema_arrow.names)

    def read(self, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Yield the values of `columns` in every row, in the order of the file.

        Raises:
            ParquetError: a page is damaged; the rows before its batch have been yielded.
        """
        schema = self._file.schema_arrow
        readers = [self._reader(schema.field(name).type) for name in columns]
        with self._file as file:
            batches = file.iter_batches(BATCH_ROWS, columns=sorted(set(columns)), use_threads=False)
            while True:
                try:
                    batch = next(batches, None)
                except (self._arrow.ArrowException, OSError) as error:
                    raise ParquetError(str(error)) from error
                if batch is None:
                    return
                values = [read(batch.column(name)) for name, read in zip(columns, readers, strict=True)]
                yield from zip(*values, strict=True)

    def _reader(self, kind: Any) -> Callable[[Any], list[Any]]:
        """How the array of a column of this type becomes a list."""
        types = self._arrow.types
        if types.is_timestamp(kind):
            factor = UNITS[kind.unit]
            say = _moment if kind.tz is None else Instant
            return lambda array: [None if v is None else say(v * factor) for v in self._whole(array, 64)]
        if types.is_time(kind):
            factor = UNITS[kind.unit]
            bits = 32 if types.is_time32(kind) else 64
            return lambda array: [None if v is None else _clock(v * factor) for v in self._whole(array, bits)]
        return lambda array: list(array.to_pylist())

    def _whole(self, array: Any, bits: int) -> list[int | None]:
        return list(array.view(self._arrow.int32() if bits == 32 else self._arrow.int64()).to_pylist())


def _clock(ns: int) -> str:
    seconds, fraction = divmod(ns, 10**9)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{fraction:09d}"


def _moment(ns: int) -> str:
    """Nanoseconds since 1970 on a wall clock of no known zone, as a text."""
    days, rest = divmod(ns, _DAY_NS)
    return f"{date(1970, 1, 1) + timedelta(days=days)}T{_clock(rest)}"
