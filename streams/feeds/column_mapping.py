"""Which column of a file is which field of a tick, and how it writes times and sides."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date as Date  # noqa: N812 - the time's field has this name
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from streams.errors import ConfigError
from streams.feeds.event_times import TimeFormat, parse_date
from streams.feeds.tick_fields import CELLS, FIELDS, is_symbol

_TABLES: Final = ("columns", "time", "constants", "side", "file_name", "csv")
_CONSTANTS: Final = tuple(name for name in FIELDS if name not in ("ts", "ts_ns"))


@dataclass(frozen=True)
class ColumnMapping:
    """How the lines of one kind of file become ticks. Without anything: columns are named as the fields of a tick.

    As a TOML file, every table optional:

        [columns]                  # field of the tick = column of the file; "" leaves a field out
        ts = "Time"                # a column that is named like a field needs no line
        price = "Price"
        [time]                     # how `ts` is written: see streams.feeds.event_times.TimeFormat
        unit = "ms"                # or format = "%d.%m.%Y %H:%M:%S.%f"
        zone = "Asia/Tokyo"
        date = "2025-03-17"
        [side]                     # word of the file = buy or sell
        B = "buy"
        [constants]                # fields that are the same on every line
        venue = "tse"
        [file_name]                # groups named `date`, or as a field: found anywhere in the name of the file
        pattern = '(?P<date>\\d{8})_(?P<symbol>\\d+)'
        [csv]
        delimiter = ";"
        header = ["ts", "price"]   # of a file that has none
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    """Field -> column; in JSON lines a path with dots reaches into objects, `data.p`."""
    time: TimeFormat = field(default_factory=TimeFormat)
    sides: Mapping[str, str] = field(default_factory=dict)
    """Word -> `buy` or `sell`; these two are known without."""
    constants: Mapping[str, str] = field(default_factory=dict)
    file_name: str | None = None
    """Regular expression with named groups."""
    delimiter: str = ","
    header: tuple[str, ...] = ()
    """Column names of CSV files without a header line."""

    def __post_init__(self) -> None:
        """Check the parts against each other.

        Raises:
            ConfigError: naming the entry, its value and the remedy.
        """
        for name in self.columns:
            if name not in FIELDS:
                raise ConfigError(f"columns: {name!r} is no field of a tick; give some of {', '.join(FIELDS)}")
        if self.columns.get("ts") and self.columns.get("ts_ns"):
            raise ConfigError("columns: ts and ts_ns are the same time twice; give one of them")
        for word, meaning in self.sides.items():
            if meaning not in ("buy", "sell"):
                raise ConfigError(f"side: {word!r} = {meaning!r}; give buy or sell")
        for name, text in self.constants.items():
            if name not in _CONSTANTS:
                raise ConfigError(f"constants: {name!r} cannot be one; give some of {', '.join(_CONSTANTS)}")
            if self.columns.get(name):
                raise ConfigError(f"constants: {name!r} has a column too; give one of them")
            _check(name, text)
        for name in self._pattern.groupindex if self._pattern else ():
            if name not in ("date", *_CONSTANTS):
                raise ConfigError(f"file_name: group {name!r}; name groups date, or one of {', '.join(_CONSTANTS)}")
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            raise ConfigError(f"csv delimiter={self.delimiter!r}: give one character")

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        if self.file_name is None:
            return None
        try:
            return re.compile(self.file_name)
        except re.error as error:
            raise ConfigError(f"file_name pattern={self.file_name!r}: {error}; correct the expression") from None

    @property
    def plain(self) -> bool:
        """Whether it says nothing."""
        return self == ColumnMapping()

    def column(self, name: str) -> str | None:
        """The column of a field; None where it comes from elsewhere or is left out."""
        if name in self.constants or (
            name in ("ts", "ts_ns") and self.columns.get("ts" if name == "ts_ns" else "ts_ns")
        ):
            return None
        return self.columns.get(name, name) or None

    def for_file(self, path: Path) -> "ColumnMapping":
        """Return the mapping with what the file's name says as constants, and its date.

        Raises:
            ConfigError: the name does not match the pattern, or what it holds cannot be used.
        """
        if self._pattern is None:
            return self
        found = self._pattern.search(path.name)
        if found is None:
            raise ConfigError(f"{path}: its name does not match {self.file_name!r}; rename it, or correct the pattern")
        groups = {name: text for name, text in found.groupdict().items() if text is not None}
        day = groups.pop("date", None)
        columns = {name: column for name, column in self.columns.items() if name not in groups}
        time = self.time if day is None else replace(self.time, date=parse_date(day))
        return replace(self, columns=columns, constants={**self.constants, **groups}, time=time, file_name=None)

    def with_columns(self, text: str) -> "ColumnMapping":
        """Return the mapping with columns as the command line gives them, `price=Price,ts=Time`.

        Raises:
            ConfigError: an entry is no `field=column`, or a field stands twice.
        """
        given: dict[str, str] = {}
        for part in text.split(","):
            name, equals, column = (piece.strip() for piece in part.partition("="))
            if not equals or name in given:
                raise ConfigError(
                    f"--columns {text}: {part!r} is not field=column, once each; as in price=Price,ts=Time"
                )
            given[name] = column
        return replace(self, columns={**self.columns, **given})

    def with_time(self, *, date: str | None = None, zone: str | None = None) -> "ColumnMapping":
        """Return the mapping with a day and a time zone for times without; None leaves what there is."""
        day: Date | None = self.time.date if date is None else parse_date(date)
        return replace(self, time=replace(self.time, date=day, zone=zone or self.time.zone))


def load_mapping(path: Path) -> ColumnMapping:
    """Read a mapping from a TOML file.

    Raises:
        ConfigError: it cannot be read, or an entry is unknown or cannot be.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{path}: {why}; name a readable TOML file") from None
    try:
        return _from_tables(tables)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _from_tables(tables: Mapping[str, Any]) -> ColumnMapping:
    for name, table in tables.items():
        if name not in _TABLES or not isinstance(table, dict):
            raise ConfigError(f"{name!r}: unknown; give tables of {', '.join(_TABLES)}")
    time = dict(_texts(tables, "time", ("unit", "format", "zone", "date")))
    day = time.pop("date", None)
    names = _texts(tables, "file_name", ("pattern",))
    csv = tables.get("csv", {})
    header = csv.get("header", [])
    if not isinstance(header, list) or not all(isinstance(name, str) for name in header):
        raise ConfigError(f"csv: header={header!r}; give a list of column names")
    for name in csv:
        if name not in ("delimiter", "header"):
            raise ConfigError(f"csv: {name!r} is unknown; give delimiter or header")
    return ColumnMapping(
        columns=_texts(tables, "columns"),
        time=TimeFormat(**time, date=None if day is None else parse_date(day)),
        sides=_texts(tables, "side"),
        constants=_texts(tables, "constants"),
        file_name=names.get("pattern"),
        delimiter=str(csv.get("delimiter", ",")),
        header=tuple(header),
    )


def _texts(tables: Mapping[str, Any], name: str, known: tuple[str, ...] | None = None) -> dict[str, str]:
    """The entries of a table as texts; numbers and days as they are written."""
    table: dict[str, Any] = tables.get(name, {})
    for key, value in table.items():
        if known is not None and key not in known:
            raise ConfigError(f"{name}: {key!r} is unknown; give {', '.join(known)}")
        if not isinstance(value, str | int | float | Date) or isinstance(value, bool):
            raise ConfigError(f"{name}: {key!r} = {value!r}; give a text")
    return {key: str(value) for key, value in table.items()}


def _check(name: str, text: str) -> None:
    try:
        CELLS[name](text)
    except ValueError as error:
        raise ConfigError(f"constants: {name} = {text!r} is {error}; correct it") from None
    if name == "symbol" and not is_symbol(text):
        raise ConfigError(f"constants: symbol = {text!r} is not 1 to 32 of A-Z a-z 0-9 . _ / -; correct it")
