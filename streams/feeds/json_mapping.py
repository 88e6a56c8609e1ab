"""The mapping file of a JSON WebSocket: a feed of any venue by some lines of TOML."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from streams.errors import ConfigError
from streams.feeds.json_items import KEYS, ItemMapping
from streams.feeds.json_path import MISSING, getter

DEFAULT_QUIET_S: Final = 60.0
DEFAULT_HEARTBEAT_S: Final = 20.0
_TOP: Final[dict[str, type | tuple[type, ...]]] = {
    "name": str,
    "url": str,
    "quiet_s": (int, float),
    "heartbeat": str,
    "heartbeat_s": (int, float),
    "subscribe": list,
    "symbol_join": str,
    "symbol_case": str,
    "headers": dict,
    "symbols": dict,
    "message": list,
}
_OF_MESSAGE: Final = ("match", "kind", "contiguous", "answer", "fatal")
_KINDS: Final = ("tick", "other", "subscribed", "refused")


@dataclass(frozen=True)
class MessageRule:
    """What is done with the messages that match: the first rule that does decides."""

    where: str
    match: tuple[tuple[Callable[[Any], Any], tuple[Any, ...]], ...]
    """Getter and accepted values, for each entry of `match`; no value: the path must lead somewhere."""
    kind: str
    """`tick`, `subscribed`, `refused`, or the word by which other messages are counted."""
    items: ItemMapping | None = None
    """For ticks."""
    contiguous: bool = False
    """For ticks: `seq` of a symbol grows by one, so that a hole shows."""
    answer: str | None = None
    """Frame to send back."""
    fatal: bool = True
    """For `refused`: trying again cannot help."""

    def matches(self, message: Any) -> bool:
        """Whether a decoded message is of this kind."""
        for get, accepted in self.match:
            value = get(message)
            if value is MISSING or (accepted and not any(_equal(value, wanted) for wanted in accepted)):
                return False
        return True


@dataclass(frozen=True)
class JsonMapping:
    """A whole mapping file, checked. docs/feeds.md shows one."""

    name: str
    url: str
    rules: tuple[MessageRule, ...]
    subscribe: tuple[str, ...] = ()
    headers: Mapping[str, str | Mapping[str, str]] | None = None
    symbols: Mapping[str, str] | None = None
    symbol_join: str | None = None
    symbol_case: str | None = None
    quiet_s: float = DEFAULT_QUIET_S
    heartbeat: str | None = None
    heartbeat_s: float = DEFAULT_HEARTBEAT_S

    @classmethod
    def load(cls, path: Path | str) -> "JsonMapping":
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
    def of(cls, table: Mapping[str, Any], where: str) -> "JsonMapping":
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
        for key in ("name", "url", "message"):
            if not table.get(key):
                raise ConfigError(f"{where}: {key} is missing: every mapping has one")
        for key in ("quiet_s", "heartbeat_s"):
            if key in table and not 0 < table[key] < 1e6:
                raise ConfigError(f"{where}: {key}={table[key]}: give seconds above 0")
        if table.get("symbol_case", "upper") not in ("upper", "lower"):
            raise ConfigError(f"{where}: symbol_case={table['symbol_case']!r}: give upper or lower")
        if not all(isinstance(frame, str) for frame in table.get("subscribe", ())):
            raise ConfigError(f"{where}: subscribe={table['subscribe']!r}: give a list of texts")
        rules = tuple(
            _rule(entry, f"{where}: message {number}", table["name"])
            for number, entry in enumerate(table["message"], 1)
        )
        rest = {key: value for key, value in table.items() if key not in ("message", "subscribe")}
        return cls(rules=rules, subscribe=tuple(table.get("subscribe", ())), **rest)


def _rule(entry: Any, where: str, venue: str) -> MessageRule:
    if not isinstance(entry, dict):
        raise ConfigError(f"{where}: write every message as a table [[message]]")
    own = {key: value for key, value in entry.items() if key in _OF_MESSAGE}
    rest = {key: value for key, value in entry.items() if key not in _OF_MESSAGE}
    kind = own.get("kind", "tick")
    if not isinstance(kind, str) or not kind.replace("-", "").isalnum():
        raise ConfigError(f"{where}: kind={kind!r}: give tick, subscribed, refused, or a word to count it by")
    if kind != "tick" and rest:
        raise ConfigError(f"{where}: {sorted(rest)[0]!r} says nothing in a message of kind {kind!r}: leave it out")
    match = own.get("match", {})
    if not isinstance(match, dict):
        raise ConfigError(f"{where}: match={match!r}: write match = {{ type = 'trade' }}")
    try:
        conditions = tuple((getter(path), _accepted(value)) for path, value in match.items())
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    contiguous = own.get("contiguous", False)
    if contiguous and "seq" not in rest:
        raise ConfigError(f"{where}: contiguous=true without seq: say where the number stands")
    items = ItemMapping(rest, where, venue=venue) if kind == "tick" else None
    answer = own.get("answer")
    if answer is not None and not isinstance(answer, str):
        raise ConfigError(f"{where}: answer={answer!r}: give the text of a frame")
    return MessageRule(where, conditions, kind, items, bool(contiguous), answer, bool(own.get("fatal", True)))


def _accepted(value: Any) -> tuple[Any, ...]:
    """The values that match; `*` stands for whatever is there."""
    if value == "*":
        return ()
    return tuple(value) if isinstance(value, list) else (value,)


def _equal(value: Any, wanted: Any) -> bool:
    """1 is not true here, although Python says so."""
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)


ENTRIES: Final = (*_OF_MESSAGE, *KEYS)
"""What a [[message]] can hold."""
