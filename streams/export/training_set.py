"""Gathers feature records as they are read, and gives the rows of the training set: by symbol, then source offset."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.errors import ConfigError, StateError
from streams.export.labels import PATH_TYPE, LabelSpec, PricePath, label_rows
from streams.export.records import STATUSES, Head, RowDecoder, decode_head, place_of
from streams.export.selection import NS_PER_MS, Selection
from streams.export.spool import Series, Spool, first_known, slices
from streams.export.training_file import ROW_GROUP, Columns, constant

Offsets: TypeAlias = NDArray[np.int64]

SLACK_NS: Final = 3600 * 10**9
"""How far apart the event time of a record and its neighbours' may be: see `Gatherer` and agents/export.py."""
ROW_COLUMNS: Final = ("id", "symbol", "ts_ns", "known_ns", "schema", "status", "price")
LABEL_COLUMNS: Final = ("label", "label_return_bps", "label_known_ns")


class Record(Protocol):
    """What is read of a Kafka record."""

    @property
    def topic(self) -> str:
        """Name of the topic."""

    @property
    def partition(self) -> int:
        """Its partition."""

    @property
    def offset(self) -> int:
        """Its offset there."""

    @property
    def timestamp(self) -> int:
        """Kafka's, ms since the epoch."""

    @property
    def key(self) -> bytes | None:
        """The symbol."""

    @property
    def value(self) -> bytes | None:
        """The record."""


class Gatherer:
    """Takes the records of `features`, in the order of each partition, and keeps on disk what the export needs.

    With labels it keeps the prices of all records of the wanted symbols as well, up to an hour of event time behind the
    last horizon. Memory: see `Spool`, and some 100 bytes a row of the series that is being written.
    """

    def __init__(self, selection: Selection, folder: Path, source_topic: str, labels: LabelSpec | None = None) -> None:
        self.selection = selection
        self.labels = labels
        self.decoder: RowDecoder | None = None
        """None until a record is in the range."""
        self.copies = 0
        """Records left out for one with the same id had been known before; known once the rows are read."""
        self._source_topic = source_topic
        self._folder = folder
        self._rows: Spool | None = None
        self._paths = Spool(folder / "paths", PATH_TYPE) if labels else None
        reach = labels.horizon_ns + SLACK_NS if labels else 0
        self._path_end_ns = selection.end_ns + reach

    def wanted(self, record: Record) -> Head | None:
        """The head of a record that has a part in the training set; None for any other.

        Raises:
            StateError: it cannot be read.
        """
        chosen = self.selection
        if not chosen.known(record.timestamp * NS_PER_MS):
            return None
        if chosen.symbols is not None and (record.key or b"").decode(errors="replace") not in chosen.symbols:
            return None
        try:
            head = decode_head(record.value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise unreadable(record, error) from error
        if chosen.holds(head.ts_ns) or (self.labels and chosen.start_ns <= head.ts_ns < self._path_end_ns):
            return head
        return None

    def take(self, records: Sequence[tuple[Record, Head]], mids: Mapping[int, float]) -> None:
        """Keep those `wanted`, all of one partition; `mids`: source offset -> mid of that tick's quote, where it has
        one.

        Raises:
            ConfigError: two feature sets are in the range, and the selection names none.
            StateError: a record cannot be read.
        """
        rows: dict[Series, list[tuple[int, Head, int, bytes]]] = {}
        paths: dict[Series, list[tuple[int, int, int, float, float]]] = {}
        for record, head in records:
            try:
                place = place_of(head.id)
                if place.topic != self._source_topic:
                    raise ValueError(f"id {head.id!r} is not of topic {self._source_topic}")
            except ValueError as error:
                raise unreadable(record, error) from error
            series, known_ns = (head.symbol, place.partition), record.timestamp * NS_PER_MS
            if self._paths is not None:
                price = np.nan if head.price is None else head.price
                point = (place.offset, head.ts_ns, known_ns, price, mids.get(place.offset, np.nan))
                paths.setdefault(series, []).append(point)
            if self.selection.holds(head.ts_ns) and self._same_schema(record, head):
                rows.setdefault(series, []).append((place.offset, head, known_ns, record.value or b""))
        for series, found in rows.items():
            assert self.decoder is not None
            assert self._rows is not None
            try:
                self._rows.append(series, self.decoder.decode(found))
            except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
                raise StateError(
                    f"a feature record of {series[0]}, {found[0][1].id} to {found[-1][1].id}, cannot be read: {error}; "
                    "see docs/records.md"
                ) from error
        for series, points in paths.items():
            assert self._paths is not None
            self._paths.append(series, np.array(points, PATH_TYPE))

    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in their order.

        Raises:
            ConfigError: an output has the name of another column.
        """
        assert self.decoder is not None
        own = (*ROW_COLUMNS, "flags", *(LABEL_COLUMNS if self.labels else ()))
        if taken := sorted({*own}.intersection(self.decoder.outputs)):
            raise ConfigError(f"output {taken[0]!r} has the name of a column of the training set: rename it")
        return (*ROW_COLUMNS, *self.decoder.outputs, "flags", *(LABEL_COLUMNS if self.labels else ()))

    def rows(self, on_progress: Callable[[int, int], None] = lambda _done, _total: None) -> Iterator[Columns]:
        """The training set in parts of at most a row group: by symbol (and partition), then source offset."""
        if self._rows is None:
            return
        done, total = 0, len(self._rows)
        for series in self._rows.series():
            every = self._rows.positions(series)
            positions = every[first_known(*self._keys(every))]
            self.copies += len(every) - len(positions)
            done += len(every) - len(positions)
            path = self._path(series)
            for part in slices(len(positions), ROW_GROUP):
                rows = self._rows.read(positions[part])
                done += len(rows)
                yield self._columns(series, rows, path)
                on_progress(done, total)

    def close(self) -> None:
        """Close the files."""
        for spool in (self._rows, self._paths):
            if spool is not None:
                spool.close()

    def _same_schema(self, record: Record, head: Head) -> bool:
        wanted = self.selection.schema
        if wanted and head.schema != wanted:
            return False
        if self.decoder is None:
            try:
                self.decoder = RowDecoder(head.schema, record.value or b"")
            except msgspec.DecodeError as error:
                raise unreadable(record, error) from error
            self._rows = Spool(self._folder / "rows", self.decoder.row_type)
        if head.schema != self.decoder.schema:
            raise ConfigError(
                f"feature sets {self.decoder.schema} and {head.schema} are both in the range ({head.id}): choose one "
                f"with --schema {self.decoder.schema} or --schema {head.schema}"
            )
        return True

    def _keys(self, positions: Offsets) -> tuple[Offsets, Offsets]:
        """Source offsets and times of knowledge of those rows; their values are not all in memory at once."""
        assert self._rows is not None
        source, known_ns = np.empty(len(positions), np.int64), np.empty(len(positions), np.int64)
        for part in slices(len(positions), ROW_GROUP):
            rows = self._rows.read(positions[part])
            source[part], known_ns[part] = rows["source"], rows["known_ns"]
        return source, known_ns

    def _path(self, series: Series) -> PricePath | None:
        if self._paths is None:
            return None
        points = self._paths.read(self._paths.positions(series))
        # Of copies the first that was read: only that one's tick was looked up for its mid.
        return PricePath.of(points[np.unique(points["source"], return_index=True)[1]])

    def _columns(self, series: Series, rows: Any, path: PricePath | None) -> Columns:
        assert self.decoder is not None
        symbol, partition = series
        start = f"{self._source_topic}-{partition}-"
        patterns = self.decoder.patterns
        columns: dict[str, Any] = {
            "id": [f"{start}{offset}" for offset in rows["source"].tolist()],
            "symbol": constant(symbol, len(rows)),
            "ts_ns": np.ascontiguousarray(rows["ts_ns"]),
            "known_ns": np.ascontiguousarray(rows["known_ns"]),
            "schema": constant(self.decoder.schema, len(rows)),
            "status": [STATUSES[code] for code in rows["status"].tolist()],
            "price": np.ascontiguousarray(rows["price"]),
        }
        for place, name in enumerate(self.decoder.outputs):
            columns[name] = np.ascontiguousarray(rows["values"][:, place])
        columns["flags"] = [patterns[number] for number in rows["flags"].tolist()]
        if path is not None:
            assert self.labels is not None
            labels = label_rows(self.labels, path, rows["source"])
            columns["label"] = np.ma.masked_array(labels.label, labels.null)
            columns["label_return_bps"] = labels.return_bps
            columns["label_known_ns"] = np.ma.masked_array(labels.known_ns, labels.null)
        return columns


def unreadable(record: Record, error: Exception) -> StateError:
    """The error that names a record and what is wrong with it."""
    return StateError(
        f"{record.topic}[{record.partition}]@{record.offset} is no feature record: {error}; see docs/records.md"
    )
