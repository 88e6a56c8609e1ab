"""Who may read: keys from a file, kept as hashes, compared in constant time; everything but the public pages needs one.

The file has a line for each key, `name key`; empty lines and those that begin with # are skipped. Several keys are
valid at a time, so that one can be replaced without a pause: add the new one, move the readers over, remove the old
one. The file is looked at again within a second of its change; no restart. The name is what the access log shows.
"""

import hmac
import logging
import re
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from agents.api.problems import problem
from streams.errors import ConfigError
from streams.settings import PREFIX

log = logging.getLogger(__name__)

SHORTEST: Final = 16
"""Characters of a key; `python -c "import secrets; print(secrets.token_urlsafe(32))"` makes one of 43."""
LOOK_S: Final = 1.0
PUBLIC: Final = frozenset({"/healthz", "/readyz", "/docs", "/openapi.json"})
"""Pages that hold no data."""
_VARIABLE: Final = f"{PREFIX}API_KEYS_FILE"
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_KEY: Final = re.compile(r"[\x21-\x7e]+")
_HOW: Final = "write `name key`, a key of at least 16 characters without spaces (docs/http.md)"


class Keys:
    """The keys in the file at `path`; `clock` (seconds) says when to look whether it has changed.

    Raises:
        ConfigError: there is no file, it cannot be read, or a line is no key. What a line holds is never shown.
    """

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        if path is None:
            raise ConfigError(f"{_VARIABLE} is not set, and nobody is served without a key: name a file, and {_HOW}")
        self._path = path
        self._clock = clock
        self._stamp = _stamp(path)
        self._hashes = _read(path)
        self._looked = clock()

    def __repr__(self) -> str:
        return f"Keys({', '.join(name for name, _ in self._hashes)})"

    def name_of(self, key: str) -> str | None:
        """Name of the reader who has `key`, None for nobody's. It takes as long for any key, right or wrong."""
        return self._name_of(_hash(key))

    def pass_for(self, key: str) -> Callable[[], bool]:
        """Says, whenever it is asked, whether `key` is still valid: what goes on for hours ends with its key."""
        given = _hash(key)
        return lambda: self._name_of(given) is not None

    def _name_of(self, given: bytes) -> str | None:
        self._look()
        found = None
        for name, known in self._hashes:
            if hmac.compare_digest(given, known):
                found = name
        return found

    def _look(self) -> None:
        now = self._clock()
        if now - self._looked < LOOK_S:
            return
        self._looked = now
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._hashes = _read(self._path)
            log.info("the keys of the HTTP interface were read again: %s", ", ".join(name for name, _ in self._hashes))
        except ConfigError as error:
            # Who could read a moment ago still can: a file is not written in one step everywhere.
            log.error("the keys of the HTTP interface stay as they were: %s", error)


class Access:
    """ASGI middleware: answers 401 unless a key is there, and writes the reader's name (`reader`), and what says
    whether the key is still valid (`may_read`), to `scope["state"]`."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may pass."""
        if scope["type"] == "http" and scope["path"] not in PUBLIC:
            key = _presented(Headers(scope=scope))
            name = self._keys.name_of(key)
            if name is None:
                refusal = problem(
                    401,
                    "no-key",
                    "a key is needed: send it as X-API-Key, or as Authorization: Bearer",
                    headers={"WWW-Authenticate": 'Bearer realm="hayate"'},
                )
                await refusal(scope, receive, send)
                return
            state = scope.setdefault("state", {})
            state["reader"], state["may_read"] = name, self._keys.pass_for(key)
        await self._app(scope, receive, send)


def _presented(headers: Headers) -> str:
    key = headers.get("x-api-key")
    if key is not None:
        return key
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _hash(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogateescape")).digest()


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read(path: Path) -> list[tuple[str, bytes]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"{_VARIABLE}={path}: {why}; name a readable file") from None
    found: dict[str, bytes] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, key = line.strip().partition(" ")
        key = key.strip()
        if not _NAME.fullmatch(name) or not _KEY.fullmatch(key) or len(key) < SHORTEST:
            raise ConfigError(f"{_VARIABLE}={path}: line {number} is no key; {_HOW}")
        if name in found:
            raise ConfigError(f"{_VARIABLE}={path}: line {number} names a key that is there already; rename it")
        found[name] = sha256(key.encode()).digest()
    if not found:
        raise ConfigError(f"{_VARIABLE}={path}: it holds no key; {_HOW}")
    return list(found.items())
