"""Ticks from files: CSV and JSON lines, plain or compressed with gzip or xz, read line by line."""

import csv
import gzip
import lzma
import math
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn, cast

import msgspec

from streams.errors import ConfigError, FatalError
from streams.feeds.rfc3339 import parse_ns
from streams.records import SYMBOL_PATTERN, Tick

CSV_SUFFIXES: Final = (".csv",)
JSON_SUFFIXES: Final = (".jsonl", ".ndjson")

_SYMBOL: Final = re.compile(SYMBOL_PATTERN)
_MAX_SHOWN: Final = 80


class TickFileError(FatalError):
    """A tick file, or one line of it, cannot be used; the message names file, line, column and value."""


class _BadValueError(Exception):
    """What is wrong with one line: the column (None: the line as a whole), its value and why."""

    def __init__(self, column: str | None, value: object, why: str) -> None:
        super().__init__(why)
        self.column = column
        self.value = value
        self.why = why


class TickFile:
    """The ticks of one file, read lazily; iterating again reads it again.

    `*.csv` has a header line with columns named as the fields of `streams.records.Tick`, in any order: `ts` (RFC 3339)
    or `ts_ns`, `price` and/or `bid` and `ask`, and optionally the others; columns of other names are ignored and an
    empty cell is an absent value. `*.jsonl` and `*.ndjson` have one JSON object with these fields a line. `.gz` or
    `.xz` may follow either. Empty lines are skipped. Every tick comes out with `ts_ns` and without `ts`; the order is
    that of the file. `symbol` is given to lines that name none themselves.

    A line that is no tick ends the reading with a TickFileError or, with `skip_bad`, is counted in `skipped` (the
    first one is described in `first_bad`) and left out. A file that cannot be read at all is an error either way.
    """

    def __init__(self, path: Path | str, *, symbol: str | None = None, skip_bad: bool = False) -> None:
        """Name the file; nothing is opened before the first tick is asked for.

        Raises:
            ConfigError: the name tells no known format, or `symbol` is none.
        """
        self.path = Path(path)
        suffixes = self.path.suffixes or [""]
        self._compression = suffixes.pop() if suffixes[-1] in (".gz", ".xz") else ""
        kind = suffixes[-1] if suffixes else ""
        if kind not in CSV_SUFFIXES + JSON_SUFFIXES:
            known = ", ".join(CSV_SUFFIXES + JSON_SUFFIXES)
            raise ConfigError(f"{self.path}: cannot tell the format: name it {known}, then .gz or .xz if compressed")
        if symbol is not None and not _SYMBOL.fullmatch(symbol):
            raise ConfigError(f"symbol={symbol!r}: give 1 to 32 of A-Z a-z 0-9 . _ / -")
        self._is_csv = kind in CSV_SUFFIXES
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
            with self._open() as file:
                lines = self._lines(file)
                yield from self._from_csv(lines) if self._is_csv else self._from_json(lines)
        except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
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
                self._bad(_BadValueError(None, raw, f"not UTF-8 ({error.reason})"))
            else:
                yield text

    def _from_csv(self, lines: Iterator[str]) -> Iterator[Tick]:
        reader = csv.reader(lines, strict=True)
        try:
            header = next(reader, [])
        except csv.Error as error:
            raise TickFileError(f"{self.path}, line 1: {error}; write a header of column names") from None
        width, plan = self._plan(header)
        while True:
            try:
                row = next(reader, None)
                if row is None:
                    return
                if not row:
                    continue
                if len(row) != width:
                    raise _BadValueError(None, ",".join(row), f"{len(row)} cells under a header of {width}")
                fields: dict[str, Any] = {}
                for name, index, parse in plan:
                    text = row[index]
                    if text:
                        fields[name] = _cell(name, text, parse)
                yield self._tick(fields)
            except csv.Error as error:
                self._bad(_BadValueError(None, None, str(error)))
            except _BadValueError as error:
                self._bad(error)

    def _plan(self, header: list[str]) -> tuple[int, list[tuple[str, int, Callable[[str], object]]]]:
        """Return the width of the header, and name, place and parser of each column that is a field of a tick."""
        names = [name.strip() for name in header]
        plan = [(name, index, _PARSERS[name]) for index, name in enumerate(names) if name in _PARSERS]
        found = [name for name, _, _ in plan]
        where = f"{self.path}, line 1: header {','.join(names)[:_MAX_SHOWN]!r}"
        if len(set(found)) != len(found):
            raise TickFileError(f"{where} has a column twice: remove one")
        if "ts" not in found and "ts_ns" not in found:
            raise TickFileError(f"{where} has no column ts or ts_ns: name the column of event times so")
        if "price" not in found and not {"bid", "ask"} <= set(found):
            raise TickFileError(f"{where} has neither a column price nor bid and ask: name the columns of prices so")
        if "symbol" not in found and self._symbol is None:
            raise TickFileError(f"{where} has no column symbol: add one, or give the symbol of the file")
        return len(names), plan

    def _from_json(self, lines: Iterator[str]) -> Iterator[Tick]:
        for line in lines:
            if not line.strip():
                continue
            try:
                fields = _JSON.decode(line)
                if not isinstance(fields, dict):
                    raise _BadValueError(None, line.strip(), "not a JSON object")
                yield self._tick(_typed(fields, self._symbol))
            except msgspec.DecodeError as error:
                self._bad(_BadValueError(None, line.strip(), f"not JSON ({error})"))
            except _BadValueError as error:
                self._bad(error)

    def _tick(self, fields: dict[str, Any]) -> Tick:
        """Make a tick of fields of the right types, or say which value is out of range."""
        symbol = fields.setdefault("symbol", self._symbol)
        if symbol is None:
            raise _BadValueError("symbol", None, "missing: add it, or give the symbol of the file")
        if symbol != self._symbol and not _SYMBOL.fullmatch(symbol):
            raise _BadValueError("symbol", symbol, "not 1 to 32 of A-Z a-z 0-9 . _ / -")
        text = fields.pop("ts", None)
        if (text is None) == ("ts_ns" not in fields):
            raise _BadValueError("ts", text, "exactly one of ts and ts_ns is needed")
        if text is not None:
            try:
                fields["ts_ns"] = parse_ns(text)
            except ValueError as error:
                raise _BadValueError("ts", text, str(error)) from None
        if not 0 < fields["ts_ns"] < 2**63:
            column = "ts_ns" if text is None else "ts"
            raise _BadValueError(column, fields["ts_ns"], "not between 1970 and 2262: 1 to 2^63-1 nanoseconds")
        get = fields.get
        for name in ("price", "bid", "ask"):
            value = get(name)
            if value is not None and not 0 < value < math.inf:
                raise _BadValueError(name, value, "not a finite number above 0")
        for name in ("size", "bid_size", "ask_size"):
            value = get(name)
            if value is not None and not 0 <= value < math.inf:
                raise _BadValueError(name, value, "not a finite number of 0 or more")
        if "price" not in fields and not ("bid" in fields and "ask" in fields):
            raise _BadValueError("price", None, "missing: a tick has a price, or bid and ask, or all three")
        return Tick(**fields)

    def _bad(self, bad: _BadValueError) -> None:
        """Count the bad line and go on, or end the reading."""
        column = "" if bad.column is None else f", column {bad.column}"
        value = "" if bad.value is None else f" {str(bad.value)[:_MAX_SHOWN]!r}"
        message = f"{self.path}, line {self._line}{column}:{value} {bad.why}"
        if not self._skip_bad:
            raise TickFileError(f"{message}; correct the line, or let bad lines be skipped")
        self.skipped += 1
        if self.first_bad is None:
            self.first_bad = message


def _cell(name: str, text: str, parse: Callable[[str], object]) -> object:
    try:
        return parse(text)
    except ValueError as error:
        raise _BadValueError(name, text, str(error)) from None


def _number(text: str) -> float:
    try:
        if "_" not in text:  # float() takes 1_000, no other program does
            return float(text)
    except ValueError:
        pass
    raise ValueError("not a number")


def _integer(text: str) -> int:
    if re.fullmatch(r"\s*[+-]?\d{1,20}\s*", text, re.ASCII):
        return int(text)
    raise ValueError("not a whole number of nanoseconds")


def _side(text: str) -> str:
    if text in ("buy", "sell"):
        return text
    raise ValueError("neither buy nor sell")


def _sequence(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else text


_PARSERS: Final[dict[str, Callable[[str], object]]] = {
    "symbol": sys.intern,
    "ts": str.strip,
    "ts_ns": _integer,
    "price": _number,
    "size": _number,
    "bid": _number,
    "ask": _number,
    "bid_size": _number,
    "ask_size": _number,
    "side": _side,
    "seq": _sequence,
    "venue": sys.intern,
    "clock": sys.intern,
}
"""How the text of each column becomes the value of its field."""

_JSON: Final = msgspec.json.Decoder()
_PATH: Final = re.compile(r" - at `\$\.(\w+)")


def _typed(fields: dict[str, Any], symbol: str | None) -> dict[str, Any]:
    """Return the non-null fields of a JSON object that belong to a tick, once their types are known to be right."""
    kept = {name: value for name, value in fields.items() if value is not None and name in _PARSERS}
    try:
        msgspec.convert({"symbol": symbol or "", **kept}, Tick)
    except msgspec.ValidationError as error:
        _type_error(kept, error)
    return kept


def _type_error(fields: dict[str, Any], error: msgspec.ValidationError) -> NoReturn:
    text = str(error)
    found = _PATH.search(text)
    column = found.group(1) if found else None
    value = fields.get(column) if column else fields
    raise _BadValueError(column, value, text.partition(" - at ")[0].lower()) from None
