"""The mapping file of a document that is fetched again and again: where, how often, and what in it is a tick."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

from streams.errors import ConfigError
from streams.feeds.credentials import KEY, SECRET
from streams.feeds.json_items import ItemMapping
from streams.feeds.mapping_file import MappingFile, Types, check_entries

DEFAULT_INTERVAL_S: Final = 1.0
DEFAULT_TIMEOUT_S: Final = 10.0
_OWN: Final[dict[str, Types]] = {"interval_s": (int, float), "timeout_s": (int, float), "items": list}


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


@dataclass(frozen=True, kw_only=True)
class PollMapping(MappingFile):
    """A whole file, checked. docs/feeds.md shows one."""

    items: tuple[PolledItems, ...]
    interval_s: float = DEFAULT_INTERVAL_S
    """From the beginning of one round to that of the next."""
    timeout_s: float = DEFAULT_TIMEOUT_S
    """Of one answer, from the connection to its last byte."""

    @classmethod
    def of(cls, table: Mapping[str, Any], where: str) -> Self:
        """Check the tables of a mapping file; see MappingFile.of."""
        check_entries(table, where, _OWN, required=("name", "url", "items"), seconds=("interval_s", "timeout_s"))
        items = tuple(
            _items(entry, f"{where}: items {number}", table["name"]) for number, entry in enumerate(table["items"], 1)
        )
        return cls(items=items, **{key: value for key, value in table.items() if key != "items"})

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
