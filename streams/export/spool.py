"""Rows that come in any order of symbols, kept on disk, and read back symbol by symbol."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from streams.export.records import Rows

Series: TypeAlias = tuple[str, int]
"""(symbol, partition): a symbol that came from two partitions has two states, so two series."""

BUFFER_BYTES: Final = 32 * 1024 * 1024


class Spool:
    """A file of rows of one type. In memory are at most `buffer_bytes` of rows, and where each series' rows stand."""

    def __init__(self, path: Path, row_type: np.dtype[Any], buffer_bytes: int = BUFFER_BYTES) -> None:
        self._row_type = row_type
        self._file = path.open("w+b")
        self._buffer_rows = max(1, buffer_bytes // row_type.itemsize)
        self._waiting: defaultdict[Series, list[Rows]] = defaultdict(list)
        self._waiting_rows = 0
        self._stored = 0
        self._places: defaultdict[Series, list[tuple[int, int]]] = defaultdict(list)

    def __len__(self) -> int:
        return self._stored + self._waiting_rows

    def append(self, series: Series, rows: Rows) -> None:
        """Add rows behind those that the series has."""
        self._waiting[series].append(rows)
        self._waiting_rows += len(rows)
        if self._waiting_rows >= self._buffer_rows:
            self._store()

    def series(self) -> list[Series]:
        """All that have rows, sorted."""
        return sorted({*self._places, *self._waiting})

    def positions(self, series: Series) -> NDArray[np.int64]:
        """Row numbers of a series for `read`, in the order of the appends."""
        self._store()
        runs = [np.arange(start, start + count) for start, count in self._places.get(series, ())]
        return np.concatenate(runs) if runs else np.empty(0, np.int64)

    def read(self, positions: NDArray[np.int64]) -> Rows:
        """The rows at those numbers, in that order, copied."""
        if not len(positions):
            return np.empty(0, self._row_type)
        return np.array(np.memmap(self._file, self._row_type, "r", shape=(self._stored,))[positions])

    def close(self) -> None:
        """Close the file; whoever gave the path removes it."""
        self._file.close()

    def _store(self) -> None:
        if not self._waiting:
            return
        self._file.seek(0, 2)
        for series, parts in self._waiting.items():
            count = 0
            for rows in parts:
                self._file.write(rows.tobytes())
                count += len(rows)
            self._places[series].append((self._stored, count))
            self._stored += count
        self._file.flush()
        self._waiting.clear()
        self._waiting_rows = 0


def first_known(source: NDArray[np.int64], known_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of the records to keep, by ascending source offset: of equal offsets the first known, then the first.

    Copies of a record are written by a worker that lost its partitions without knowing it.
    """
    order = np.lexsort((known_ns, source))
    in_order = source[order]
    keep = np.ones(len(order), bool)
    keep[1:] = in_order[1:] != in_order[:-1]
    return order[keep]


def slices(length: int, size: int) -> Iterator[slice]:
    """[0, length) in parts of `size`."""
    return (slice(start, min(start + size, length)) for start in range(0, length, size))
