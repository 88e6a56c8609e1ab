"""Where in a JSON message a value stands."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from streams.errors import ConfigError

Path: TypeAlias = str | Sequence[str | int]


class _Missing:
    """The value of a path that leads nowhere; null is another thing."""

    def __repr__(self) -> str:
        return "missing"


MISSING: Final = _Missing()


def parts_of(path: Path) -> tuple[str | int, ...]:
    """`data.0.price` -> ("data", 0, "price"); a list is taken as it is, for names with dots; "" is the whole.

    Raises:
        ConfigError: it is no path.
    """
    if isinstance(path, str):
        names = path.split(".") if path else []
        if not all(names):
            raise ConfigError(f"path {path!r}: write names and places with one dot between them, such as data.0.price")
        return tuple(int(name) if name.lstrip("-").isdecimal() and name.isascii() else name for name in names)
    if all(isinstance(part, str) or type(part) is int for part in path):
        return tuple(path)
    raise ConfigError(f"path {path!r}: a list of names and whole numbers, such as ['data', 0, 'price']")


def getter(path: Path) -> Callable[[Any], Any]:
    """Return a function that takes a decoded message to the value at `path`, or to MISSING.

    A number is a place in an array (-1: the last), or the name of a member that consists of digits.

    Raises:
        ConfigError: it is no path.
    """
    parts = parts_of(path)
    if len(parts) == 1 and isinstance(parts[0], str):
        (name,) = parts

        def one(value: Any) -> Any:
            return value.get(name, MISSING) if isinstance(value, dict) else MISSING

        return one

    def get(value: Any) -> Any:
        for part in parts:
            if isinstance(value, dict):
                value = value.get(str(part), MISSING)
            elif isinstance(value, list) and type(part) is int and -len(value) <= part < len(value):
                value = value[part]
            else:
                return MISSING
        return value

    return get
