"""How long the feature store keeps what: the table `[ttl]` of a feature-set file, seconds of life in Redis.

    [ttl]
    latest = 86400          # the newest record of a symbol; without it HAYATE_LATEST_TTL_S
    history = 300           # history keys; without it HAYATE_FEATURE_TTL_S
    [ttl.groups]            # history keys of a group of the catalogue, or of `derived`
    microstructure = 60
    [ttl.outputs]           # of one output, or of all whose names match
    "rsi_*" = 900

An output's own name wins over a pattern, the first pattern over the next, a pattern over the group. The newest record
of a symbol is read whole or not at all, so it has one life.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Final

from streams.errors import ConfigError

LONGEST_S: Final = 31_536_000
"""A year."""
DERIVED: Final = "derived"
"""Group of the outputs that are made of others."""
_KEYS: Final = ("latest", "history", "groups", "outputs")
_WILD: Final = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Lives:
    """The table, read; None stands for the setting."""

    latest: int | None = None
    history: int | None = None
    groups: tuple[tuple[str, int], ...] = ()
    outputs: tuple[tuple[str, int], ...] = ()
    """Names and patterns, in the order of the file."""

    @classmethod
    def read(cls, value: Any) -> "Lives":
        """Read the table.

        Raises:
            ConfigError: naming key, value and remedy.
        """
        table = _table(value, "ttl")
        for key in table:
            if key not in _KEYS:
                raise ConfigError(f"unknown key {'ttl.' + key!r}; {_near(key, _KEYS)}")
        return cls(
            latest=_seconds(table["latest"], "ttl.latest") if "latest" in table else None,
            history=_seconds(table["history"], "ttl.history") if "history" in table else None,
            groups=_lives(table.get("groups", {}), "ttl.groups"),
            outputs=_lives(table.get("outputs", {}), "ttl.outputs"),
        )

    def check(self, groups: Mapping[str, str]) -> None:
        """Make sure that every name stands for something; `groups` is output -> group of all outputs.

        Raises:
            ConfigError: naming key, value and remedy.
        """
        for group, _ in self.groups:
            if group not in groups.values():
                raise ConfigError(f"ttl.groups: no output here is of group {group!r}; {_near(group, groups.values())}")
        for name, _ in self.outputs:
            if not any(_matches(output, name) for output in groups):
                raise ConfigError(f"ttl.outputs: {name!r} is no output of this set; {_near(name, groups)}")

    def of(self, output: str, group: str, default_s: int) -> int:
        """Life of the history keys of an output, seconds; `default_s` where the table does not say."""
        for name, life in sorted(self.outputs, key=lambda item: item[0] != output):
            if _matches(output, name):
                return life
        return dict(self.groups).get(group, default_s if self.history is None else self.history)


def _matches(output: str, name: str) -> bool:
    return output == name or (bool(_WILD & set(name)) and fnmatchcase(output, name))


def _lives(value: Any, where: str) -> tuple[tuple[str, int], ...]:
    return tuple((name, _seconds(life, f"{where}.{name}")) for name, life in _table(value, where).items())


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} = {value!r}: write a table, [{where}]")
    return value


def _seconds(value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LONGEST_S:
        raise ConfigError(f"{where} = {value!r}: write whole seconds, 1 to {LONGEST_S}")
    return value


def _near(name: str, names: Any) -> str:
    there = sorted(set(names))
    near = get_close_matches(name, there, n=2)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are {', '.join(there)}"
