"""Ticks from files: CSV, JSON lines and Parquet, read lazily, their columns named as one likes."""

import csv
import gzip
import lzma
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn, cast

import msgspec

from streams.errors import ConfigError, FatalError
from streams.feeds.column_mapping import ColumnMapping
from streams.feeds.parquet_file import ParquetError, ParquetRows
from streams.feeds.tick_fields import CELLS, FIELDS, VALUES, BadValueError, is_symbol, make_tick
from streams.records import Tick

CSV_SUFFIXES: Final = (".csv",)
JSON_SUFFIXES: Final = (".jsonl", ".ndjson")
PARQUET_SUFFIXES: Final = (".parquet",)

_MAX_SHOWN: Final = 80
_Plan = Sequence[tuple[str, str, Callable[[Any], object]]]


class TickFileError(FatalError):
    """A tick file, or one line of it, cannot be used; the message names file, line, column and value."""


class TickFile:
    """The ticks of one file, read lazily; iterating again reads it again.

    `*.csv` has a header line with columns named as the fields of `streams.records.Tick`, in any order: `ts` (RFC 3339)
    or `ts_ns`, `price` and/or `bid` and `ask`, and optionally the others; columns of other names are ignored and an
    empty cell is an absent value. `*.jsonl` and `*.ndjson` have one JSON object with these fields a line. `.gz` or
    `.xz` may follow either. `*.parquet` has such columns; a null is an absent value, `ts` may be a timestamp. Empty
    lines are skipped. Every tick comes out with `ts_ns` and without `ts`; the order is that of the file. `symbol` is
    given to lines that name none themselves. `mapping` is for files with other names, times and words; with one,
    numbers of JSON lines may be written as texts.

    A line that is no tick ends the reading with a TickFileError or, with `skip_bad`, is counted in `skipped` (the
    first one is described in `first_bad`) and left out. A file that cannot be read at all is an error either way.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        symbol: str | None = None,
        mapping: ColumnMapping | None = None,
        skip_bad: bool = False,
    ) -> None:
        """Name the file; nothing is opened before the first tick is asked for.

        Raises:
            ConfigError: the name tells no known format or does not match the mapping's pattern, or `symbol` is none.
        """
        self.path = Path(path)
        suffixes = self.path.suffixes or [""]
        self._compression = suffixes.pop() if suffixes[-1] in (".gz", ".xz") else ""
        self._kind = suffixes[-1] if suffixes else ""
        self._parquet = self._kind in PARQUET_SUFFIXES and not self._compression
        if self._kind not in CSV_SUFFIXES + JSON_SUFFIXES and not self._parquet:
            known = ", ".join(CSV_SUFFIXES + JSON_SUFFIXES)
            raise ConfigError(
                f"{self.path}: cannot tell the format: name it {known}, then .gz or .xz if compressed, or .parquet"
            )
        if symbol is not None and not is_symbol(symbol):
            raise ConfigError(f"symbol={symbol!r}: give 1 to 32 of A-Z a-z 0-9 . _ / -")
        self._mapping = (mapping or ColumnMapping()).for_file(self.path)
        self._constants = {name: CELLS[name](text) for name, text in self._mapping.constants.items()}
        self._columns = {name: column for name in FIELDS if (column := self._mapping.column(name)) is not None}
        self._symbol = symbol
        self._skip_bad = skip_bad
        self._line = 0
        self.skipped = 0
        """Bad lines left out so far, with `skip_bad`."""
        self.first_bad: str | None = None
        """What was wrong with the first of them."""

    def __iter__(self) -> Iterator[Tick]:
        self._line = self.skipped = 0
        self.first_bad = None
        try:
            if self._parquet:
                yield from self._from_parquet()
                return
            with self._open() as file:
                lines = self._lines(file)
                yield from self._from_csv(lines) if self._kind in CSV_SUFFIXES else self._from_json(lines)
        except (OSError, EOFError, lzma.LZMAError, zlib.error, ParquetError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise TickFileError(f"{self.path}: cannot be read: {why}; name a readable, undamaged file") from error

    def _open(self) -> BinaryIO:
        if self._compression == ".gz":
            return cast("BinaryIO", gzip.open(self.path, "rb"))
        if self._compression == ".xz":
            return cast("BinaryIO", lzma.open(self.path, "rb"))
        return self.path.open("rb")

    def _lines(self, file: BinaryIO) -> Iterator[str]:
        """Decode line by line, so that the number of a line that is no UTF-8 is known."""
        for self._line, raw in enumerate(file, 1):
            try:
                text = raw.decode("utf-8-sig" if self._line == 1 else "utf-8")
            except UnicodeDecodeError as error:
                self._bad(BadValueError(None, raw, f"not UTF-8 ({error.reason})"))
            else:
                yield text

    def _from_csv(self, lines: Iterator[str]) -> Iterator[Tick]:
        reader = csv.reader(lines, strict=True, delimiter=self._mapping.delimiter)
        header: Sequence[str] = self._mapping.header
        if not header:
            try:
                header = next(reader, [])
            except csv.Error as error:
                raise TickFileError(f"{self.path}, line 1: {error}; write a header of column names") from None
        names = [name.strip() for name in header]
        where = f"{self.path}, line 1: header" if not self._mapping.header else f"{self.path}: given header"
        plan = [(name, names.index(column), parse) for name, column, parse in self._plan(names, where, CELLS)]
        width = len(names)
        while True:
            try:
                row = next(reader, None)
                if row is None:
                    return
                if not row:
                    continue
                if len(row) != width:
                    raise BadValueError(
                        None, self._mapping.delimiter.join(row), f"{len(row)} cells under a header of {width}"
                    )
                fields: dict[str, Any] = {}
                for name, index, parse in plan:
                    text = row[index]
                    if text:
                        fields[name] = _value(name, text, parse)
                yield self._tick(fields)
            except csv.Error as error:
                self._bad(BadValueError(None, None, str(error)))
            except BadValueError as error:
                self._bad(error)

    def _plan(self, names: Sequence[str], where: str, parsers: Mapping[str, Callable[[Any], object]]) -> _Plan:
        """Return field, column and parser of each column that is a field of a tick; `names` are those of the file."""
        where = f"{where} {','.join(names)[:_MAX_SHOWN]!r}"
        wanted = {name: self._mapping.column(name) for name in FIELDS}
        missing = [name for name, column in self._mapping.columns.items() if column and column not in names]
        if missing:
            column = self._mapping.columns[missing[0]]
            raise TickFileError(f"{where} has no column {column!r} for {missing[0]}: correct the mapping")
        plan = [(name, column, self._parser(name, parsers)) for name, column in wanted.items() if column in names]
        found = {name for name, _, _ in plan} | set(self._constants)
        if any(names.count(column or "") > 1 for _, column, _ in plan):
            raise TickFileError(f"{where} has a column twice: remove one")
        if "ts" not in found and "ts_ns" not in found:
            raise TickFileError(f"{where} has no column ts or ts_ns: name the column of event times so")
        if "price" not in found and not {"bid", "ask"} <= found:
            raise TickFileError(f"{where} has neither a column price nor bid and ask: name the columns of prices so")
        if "symbol" not in found and self._symbol is None:
            raise TickFileError(f"{where} has no column symbol: add one, or give the symbol of the file")
        return [(name, column, parse) for name, column, parse in plan if column is not None]

    def _parser(self, name: str, parsers: Mapping[str, Callable[[Any], object]]) -> Callable[[Any], object]:
        if name == "ts":
            return self._mapping.time.parse
        if name == "side" and self._mapping.sides:
            return partial(_side, self._mapping.sides, parsers["side"])
        return parsers[name]

    def _from_parquet(self) -> Iterator[Tick]:
        rows = ParquetRows(self.path)
        plan = self._plan(rows.names, f"{self.path}: columns", VALUES)
        for self._line, values in enumerate(rows.read([column for _, column, _ in plan]), 1):
            try:
                yield self._tick(
                    {
                        name: _value(name, value, parse)
                        for (name, _, parse), value in zip(plan, values, strict=True)
                        if value is not None
                    }
                )
            except BadValueError as error:
                self._bad(error)

    def _from_json(self, lines: Iterator[str]) -> Iterator[Tick]:
        plan = [(name, column, self._parser(name, VALUES)) for name, column in self._columns.items()]
        typed = self._typed if self._mapping.plain else partial(_mapped, plan)
        for line in lines:
            if not line.strip():
                continue
            try:
                fields = _JSON.decode(line)
                if not isinstance(fields, dict):
                    raise BadValueError(None, line.strip(), "not a JSON object")
                yield self._tick(typed(fields))
            except msgspec.DecodeError as error:
                self._bad(BadValueError(None, line.strip(), f"not JSON ({error})"))
            except BadValueError as error:
                self._bad(error)

    def _typed(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The non-null fields of a JSON object that belong to a tick, once their types are known to be right."""
        kept = {name: value for name, value in fields.items() if value is not None and name in FIELDS}
        try:
            msgspec.convert({"symbol": self._symbol or "", **kept}, Tick)
        except msgspec.ValidationError as error:
            _type_error(kept, error)
        if "conditions" in kept:
            kept["conditions"] = tuple(kept["conditions"])
        if "ts" in kept:
            kept["ts"] = _value("ts", kept["ts"], self._mapping.time.parse)
        return kept

    def _tick(self, fields: dict[str, Any]) -> Tick:
        return make_tick(fields | self._constants if self._constants else fields, self._symbol)

    def _bad(self, bad: BadValueError) -> None:
        """Count the bad line and go on, or end the reading."""
        column = "" if bad.column is None else f", column {self._columns.get(bad.column, bad.column)}"
        value = "" if bad.value is None else f" {str(bad.value)[:_MAX_SHOWN]!r}"
        message = f"{self.path}, {'row' if self._parquet else 'line'} {self._line}{column}:{value} {bad.why}"
        if not self._skip_bad:
            raise TickFileError(f"{message}; correct the line, or let bad lines be skipped")
        self.skipped += 1
        if self.first_bad is None:
            self.first_bad = message


def _value(name: str, value: object, parse: Callable[[Any], object]) -> object:
    try:
        return parse(value)
    except ValueError as error:
        raise BadValueError(name, value, str(error)) from None


def _side(words: Mapping[str, str], known: Callable[[Any], object], value: object) -> object:
    """The side that a word means; booleans are the words true and false, whole numbers their digits."""
    word = str(value).lower() if isinstance(value, bool) else str(value)
    if word in words:
        return words[word]
    try:
        return known(value)
    except ValueError:
        raise ValueError(f"none of {', '.join(words)}, buy, sell") from None


def _mapped(plan: _Plan, line: Mapping[str, Any]) -> dict[str, Any]:
    """The non-null fields that a mapping finds in a JSON object."""
    fields = {}
    for name, column, parse in plan:
        value = line.get(column)
        if value is None and "." in column:
            value = _inner(line, column)
        if value is not None:
            fields[name] = _value(name, value, parse)
    return fields


def _inner(value: object, path: str) -> object:
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


_JSON: Final = msgspec.json.Decoder()
_PATH: Final = re.compile(r" - at `\$\.(\w+)")


def _type_error(fields: dict[str, Any], error: msgspec.ValidationError) -> NoReturn:
    text = str(error)
    found = _PATH.search(text)
    column = found.group(1) if found else None
    value = fields.get(column) if column else fields
    raise BadValueError(column, value, text.partition(" - at ")[0].lower()) from None
