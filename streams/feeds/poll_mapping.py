"""The mapping file of a document that is fetched again and again: where, how often, and what in it is a tick."""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from streams.errors import ConfigError
from streams.feeds.credentials import KEY, SECRET, Credentials
from streams.feeds.json_items import ItemMapping

DEFAULT_INTERVAL_S: Final = 1.0
DEFAULT_TIMEOUT_S: Final = 10.0
_TOP: Final[dict[str, type | tuple[type, ...]]] = {
    "name": str,
    "url": str,
    "interval_s": (int, float),
    "timeout_s": (int, float),
    "symbol_join": str,
    "symbol_case": str,
    "headers": dict,
    "symbols": dict,
    "items": list,
}
_NAME: Final = re.compile(r"[a-z0-9._-]{1,32}")


@dataclass(frozen=True)
class PolledItems:
    """One `[[items]]` table."""

    where: str
    """The table, for errors and as part of what is remembered."""
    mapping: ItemMapping
    timed: bool
    """Whether the items say when they happened."""
    history: bool
    """Whether they are the last trades, so that a page on which nothing is known shows a hole."""


@dataclass(frozen=True)
class PollMapping:
    """A whole file, checked. docs/feeds.md shows one."""

    name: str
    url: str
    items: tuple[PolledItems, ...]
    interval_s: float = DEFAULT_INTERVAL_S
    """From the beginning of one round to that of the next."""
    timeout_s: float = DEFAULT_TIMEOUT_S
    """Of one answer, from the connection to its last byte."""
    headers: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict)
    symbols: Mapping[str, str] = field(default_factory=dict)
    """Our symbol -> the venue's."""
    symbol_join: str | None = None
    symbol_case: str | None = None

    @classmethod
    def load(cls, path: Path | str) -> "PollMapping":
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
    def of(cls, table: Mapping[str, Any], where: str) -> "PollMapping":
        """Check the tables of a mapping file.

        Raises:
            ConfigError: as `load`.
        """
        for key, value in table.items():
            wanted = _TOP.get(key)
            if wanted is None:
                raise ConfigError(f"{where}: unknown entry {key!r}; known are {', '.join(_TOP)}")
            if not isinstance(value, wanted) or isinstance(value, bool):
                raise ConfigError(f"{where}: {key}={value!r} has the wrong type; see docs/feeds.md")
        for key in ("name", "url", "items"):
            if not table.get(key):
                raise ConfigError(f"{where}: {key} is missing: every mapping has one")
        if not _NAME.fullmatch(table["name"]):
            raise ConfigError(f"{where}: name={table['name']!r}: give up to 32 of a-z 0-9 . _ -")
        for key in ("interval_s", "timeout_s"):
            if key in table and not 0 < table[key] < 1e6:
                raise ConfigError(f"{where}: {key}={table[key]}: give seconds above 0")
        if table.get("symbol_case", "upper") not in ("upper", "lower"):
            raise ConfigError(f"{where}: symbol_case={table['symbol_case']!r}: give upper or lower")
        items = tuple(
            _items(entry, f"{where}: items {number}", table["name"]) for number, entry in enumerate(table["items"], 1)
        )
        return cls(items=items, **{key: value for key, value in table.items() if key != "items"})

    def theirs(self, symbol: str) -> str:
        """The venue's spelling of a symbol of ours."""
        if symbol in self.symbols:
            return str(self.symbols[symbol])
        text = symbol if self.symbol_join is None else symbol.replace("/", self.symbol_join)
        return {"upper": text.upper(), "lower": text.lower()}.get(self.symbol_case or "", text)

    def urls(self, symbols: Sequence[str], secrets: Mapping[str, str], url: str | None = None) -> list[tuple[str, str]]:
        """Return (address, our symbol where it is of one alone, else "") of every document of a round.

        Raises:
            ConfigError: it is no HTTP address, or wants credentials that are not there.
        """
        template = url or self.url
        for name in ("key", "secret"):
            if f"{{{name}}}" in template:
                if name not in secrets:
                    raise ConfigError(
                        f"feed {self.name}: its url wants {{{name}}}; set {KEY if name == 'key' else SECRET}"
                    )
                template = template.replace(f"{{{name}}}", quote(secrets[name], safe=""))
        every = quote(",".join(self.theirs(symbol) for symbol in symbols), safe=",")
        template = template.replace("{symbols}", every)
        if urlsplit(template).scheme not in ("http", "https") or not urlsplit(template).hostname:
            raise ConfigError(f"feed {self.name}: its url is no HTTP address; give http://... or https://...")
        if "{symbol}" in template:
            return [(template.replace("{symbol}", quote(self.theirs(symbol), safe="")), symbol) for symbol in symbols]
        return [(template, symbols[0] if len(symbols) == 1 else "")]

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


def secrets_of(credentials: Credentials | None) -> dict[str, str]:
    """`key` and `secret` as they are: for requests, never for a message."""
    if credentials is None:
        return {}
    found = {"key": credentials.key.get_secret_value()}
    if credentials.secret is not None:
        found["secret"] = credentials.secret.get_secret_value()
    return found


def _items(entry: Any, where: str, venue: str) -> PolledItems:
    if not isinstance(entry, dict):
        raise ConfigError(f"{where}: write every kind of item as a table [[items]]")
    history = entry.get("history", False)
    if not isinstance(history, bool):
        raise ConfigError(f"{where}: history={history!r}: give true or false")
    rest = {key: value for key, value in entry.items() if key != "history"}
    if history and not ("each" in rest and ("seq" in rest or "time" in rest)):
        raise ConfigError(f"{where}: history=true takes each, and seq or time: say where they stand, or leave it out")
    return PolledItems(where, ItemMapping(rest, where, venue=venue), "time" in rest, history)
