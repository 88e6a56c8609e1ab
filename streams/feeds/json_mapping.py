"""The mapping file of a JSON WebSocket: a feed of any venue by some lines of TOML."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from streams.errors import ConfigError
from streams.feeds.json_items import KEYS, ItemMapping
from streams.feeds.json_path import MISSING, getter
from streams.feeds.mapping_file import MappingFile, Types, check_entries

DEFAULT_QUIET_S: Final = 60.0
DEFAULT_HEARTBEAT_S: Final = 20.0
_OWN: Final[dict[str, Types]] = {
    "quiet_s": (int, float),
    "heartbeat": str,
    "heartbeat_s": (int, float),
    "subscribe": list,
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


@dataclass(frozen=True, kw_only=True)
class JsonMapping(MappingFile):
    """A whole mapping file, checked. docs/feeds.md shows one."""

    rules: tuple[MessageRule, ...]
    subscribe: tuple[str, ...] = ()
    quiet_s: float = DEFAULT_QUIET_S
    heartbeat: str | None = None
    heartbeat_s: float = DEFAULT_HEARTBEAT_S

    @classmethod
    def of(cls, table: Mapping[str, Any], where: str) -> Self:
        """Check the tables of a mapping file; see MappingFile.of."""
        check_entries(table, where, _OWN, required=("name", "url", "message"), seconds=("quiet_s", "heartbeat_s"))
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
