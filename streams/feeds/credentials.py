"""Key and secret of a venue, from the environment or from files, and never shown."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from streams.errors import ConfigError

KEY: Final = "HAYATE_FEED_KEY"
SECRET: Final = "HAYATE_FEED_SECRET"  # noqa: S105 - the name of a variable
FILE: Final = "_FILE"
VARIABLES: Final = frozenset({KEY, SECRET, KEY + FILE, SECRET + FILE})
"""Read by the command `feed` alone."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a venue knows its user by. `repr` shows neither."""

    key: SecretStr
    secret: SecretStr | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Credentials | None":
        """Read `HAYATE_FEED_KEY` and `HAYATE_FEED_SECRET`, or the first lines of the files that the same names with
        `_FILE` point to; None where neither key is given.

        Raises:
            ConfigError: a variable and its `_FILE` are both set, a file cannot be read, or a secret has no key.
        """
        env = os.environ if env is None else env
        key, secret = _read(KEY, env), _read(SECRET, env)
        if key is None:
            if secret is not None:
                raise ConfigError(f"{SECRET} is set without {KEY}: set both, or neither")
            return None
        return cls(key, secret)


def required(credentials: Credentials | None, venue: str, *, secret: bool = False) -> Credentials:
    """Return the credentials of a venue that has no feed without them.

    Raises:
        ConfigError: there are none, or no secret where `secret` says that the venue wants one.
    """
    if credentials is None:
        names = f"{KEY} and {SECRET}" if secret else KEY
        raise ConfigError(f"feed {venue}: no credentials; set {names} (or the same with {FILE})")
    if secret and credentials.secret is None:
        raise ConfigError(f"feed {venue}: no secret beside the key; set {SECRET} or {SECRET}{FILE}")
    return credentials


def _read(name: str, env: Mapping[str, str]) -> SecretStr | None:
    value, path = env.get(name) or None, env.get(name + FILE) or None
    if value is not None and path is not None:
        raise ConfigError(f"{name} and {name}{FILE} are both set: unset one")
    if path is None:
        return None if value is None else SecretStr(value)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"{name}{FILE}={path}: {why}; name a readable file") from None
    first = text.partition("\n")[0].strip()
    if not first:
        raise ConfigError(f"{name}{FILE}={path}: its first line is empty; write the value there")
    return SecretStr(first)
