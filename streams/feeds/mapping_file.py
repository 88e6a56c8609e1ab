"""What the mapping files of WebSockets and of polled pages share: where, whose symbols, with which headers."""

import os
import re
import tomllib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from streams.errors import ConfigError
from streams.feeds.credentials import KEY, SECRET, Credentials

Types = type | tuple[type, ...]
SHARED: Final[dict[str, Types]] = {
    "name": str,
    "url": str,
    "symbol_join": str,
    "symbol_case": str,
    "headers": dict,
    "symbols": dict,
}
"""Entries of every mapping file, and their types."""
_NAME: Final = re.compile(r"[a-z0-9._-]{1,32}")


@dataclass(frozen=True, kw_only=True)
class MappingFile(ABC):
    """Base of both kinds, checked."""

    name: str
    url: str
    headers: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict)
    symbols: Mapping[str, str] = field(default_factory=dict)
    """Our symbol -> the venue's."""
    symbol_join: str | None = None
    """Stands at the venue where ours have `/`."""
    symbol_case: str | None = None

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read and check a mapping file.

        Raises:
            ConfigError: naming the file, the entry, its value and the remedy.
        """
        try:
            table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}; name a readable mapping file") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: no TOML ({error}); correct it") from None
        return cls.of(table, str(path))

    @classmethod
    @abstractmethod
    def of(cls, table: Mapping[str, Any], where: str) -> Self:
        """Check the tables of a mapping file.

        Raises:
            ConfigError: as `load`.
        """

    def theirs(self, symbol: str) -> str:
        """The venue's spelling of a symbol of ours."""
        if symbol in self.symbols:
            return str(self.symbols[symbol])
        text = symbol if self.symbol_join is None else symbol.replace("/", self.symbol_join)
        return {"upper": text.upper(), "lower": text.lower()}.get(self.symbol_case or "", text)

    def filled_headers(self, secrets: Mapping[str, str], env: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the headers, those of the environment with their values.

        Raises:
            ConfigError: a variable is not set, or an entry is neither a text nor names one.
        """
        env = os.environ if env is None else env
        known = {KEY: secrets.get("key"), SECRET: secrets.get("secret")}
        headers = {}
        for header, value in self.headers.items():
            if isinstance(value, str):
                headers[header] = value
                continue
            variable = value.get("env") if isinstance(value, dict) and set(value) == {"env"} else None
            if not isinstance(variable, str):
                raise ConfigError(f"feed {self.name}: header {header}: give a text, or {{ env = 'VARIABLE' }}")
            text = known.get(variable) or env.get(variable)
            if not text:
                raise ConfigError(f"feed {self.name}: header {header} wants {variable}, which is not set: set it")
            headers[header] = text
        return headers


def check_entries(
    table: Mapping[str, Any], where: str, own: Mapping[str, Types], *, required: Sequence[str], seconds: Sequence[str]
) -> None:
    """Make sure of the entries of a file: those of all, and its `own` ones.

    Raises:
        ConfigError: one is unknown, mistyped, missing or out of range.
    """
    known = {**SHARED, **own}
    for key, value in table.items():
        wanted = known.get(key)
        if wanted is None:
            raise ConfigError(f"{where}: unknown entry {key!r}; known are {', '.join(known)}")
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise ConfigError(f"{where}: {key}={value!r} has the wrong type; see docs/feeds.md")
    for key in required:
        if not table.get(key):
            raise ConfigError(f"{where}: {key} is missing: every mapping has one")
    if not _NAME.fullmatch(table["name"]):
        raise ConfigError(f"{where}: name={table['name']!r}: give up to 32 of a-z 0-9 . _ -")
    for key in seconds:
        if key in table and not 0 < table[key] < 1e6:
            raise ConfigError(f"{where}: {key}={table[key]}: give seconds above 0")
    if table.get("symbol_case", "upper") not in ("upper", "lower"):
        raise ConfigError(f"{where}: symbol_case={table['symbol_case']!r}: give upper or lower")


def secrets_of(credentials: Credentials | None) -> dict[str, str]:
    """`key` and `secret` as they are: for requests, never for a message."""
    if credentials is None:
        return {}
    found = {"key": credentials.key.get_secret_value()}
    if credentials.secret is not None:
        found["secret"] = credentials.secret.get_secret_value()
    return found
