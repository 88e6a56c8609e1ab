"""Sealing of what lies in Redis: AES-256-GCM, bound to the key name it lies under and to its source offset.

A sealed record is text, a JSON object:

    {"_partition":3,"_offset":71,"key":"k1","sealed":"<base64 of salt (16 bytes), counter (8 bytes), ciphertext, tag>"}

- Partition and offset stay in clear, for the server decides by them what is newer. They are sealed against change, with
  the name of the Redis key (GCM's associated data): a record that is altered, moved to another symbol or second, or
  given another offset does not open. An older record put back in its own place does: its event time tells its age.
- A sealing process draws a salt of 128 random bits, derives a key of its own from it and the named key (HKDF-SHA256),
  and counts: so no nonce comes twice under one key, whatever the number of records, workers and restarts. Random nonces
  of 96 bits would be used up after 2^32 records of one key (NIST SP 800-38D, section 8.3): a month at 1,000 a second
  and two records each.
- The first key of the file seals, all of them open. To rotate: add the new key behind the old one everywhere, then put
  it first, then, once the last life in Redis has passed, remove the old one.
"""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from streams.errors import ConfigError, FatalError
from streams.settings import PREFIX

KEY_BYTES: Final = 32
SALT_BYTES: Final = 16
COUNTER_BYTES: Final = 8
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,32}", re.ASCII)
_VARIABLE: Final = f"{PREFIX}FEATURES_KEY_FILE"
_HOW: Final = "write `name base64-of-32-bytes` on a line of its own (docs/security.md)"


class SealError(FatalError):
    """A sealed record cannot be opened: its key is missing, or somebody changed or moved it."""


class Opened(NamedTuple):
    """What was sealed, and the source record's coordinates."""

    partition: int
    offset: int
    content: bytes


class _Sealed(msgspec.Struct, frozen=True):
    partition: int = msgspec.field(name="_partition")
    offset: int = msgspec.field(name="_offset")
    key: str
    sealed: str


class Sealer:
    """Seals with the first of `keys` (id -> 32 bytes), opens with any of them. One event loop or thread only."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise ValueError("no keys")
        self._keys = dict(keys)
        self.key_id = next(iter(keys))
        """Of the key that seals."""
        self._salt = os.urandom(SALT_BYTES)
        self._cipher = _derived(self._keys[self.key_id], self._salt)
        self._count = 0
        self._decode = msgspec.json.Decoder(_Sealed).decode
        # One entry for each process that sealed what is read.
        self._ciphers = lru_cache(maxsize=256)(self._cipher_of)

    def __repr__(self) -> str:
        return f"Sealer({', '.join(self._keys)})"

    @classmethod
    def load(cls, path: Path | None) -> "Sealer | None":
        """The keys in the file at `path`; None without one. Empty lines and those that begin with # are skipped.

        Raises:
            ConfigError: it cannot be read, or a line is no key. What a line holds is never shown.
        """
        if path is None:
            return None
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise ConfigError(f"{_VARIABLE}={path}: {why}; name a readable file") from None
        keys: dict[str, bytes] = {}
        for number, line in enumerate(lines, 1):
            name, _, text = line.strip().partition(" ")
            if not name or name.startswith("#"):
                continue
            try:
                key = base64.b64decode(text.strip(), validate=True)
            except (binascii.Error, ValueError):
                key = b""
            if not _ID.fullmatch(name) or len(key) != KEY_BYTES:
                raise ConfigError(f"{_VARIABLE}={path}: line {number} is no key; {_HOW}")
            if name in keys:
                raise ConfigError(f"{_VARIABLE}={path}: line {number} names a key that is there already; rename it")
            keys[name] = key
        if not keys:
            raise ConfigError(f"{_VARIABLE}={path}: it holds no key; {_HOW}")
        return cls(keys)

    def seal(self, place: str, partition: int, offset: int, content: bytes) -> str:
        """`content` sealed for the Redis key `place`, as made of the source record (partition, offset)."""
        self._count += 1
        counter = self._count.to_bytes(COUNTER_BYTES, "big")
        box = self._cipher.encrypt(_nonce(counter), content, _bound_to(place, partition, offset, self.key_id))
        text = base64.b64encode(self._salt + counter + box).decode()
        # The beginning is what tables/features/store.lua reads.
        return f'{{"_partition":{partition},"_offset":{offset},"key":"{self.key_id}","sealed":"{text}"}}'

    def open(self, place: str, text: bytes) -> Opened:
        """What was sealed for the Redis key `place`.

        Raises:
            SealError: its key is not among ours, or it does not open.
        """
        try:
            sealed = self._decode(text)
            raw = base64.b64decode(sealed.sealed, validate=True)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
            raise SealError(
                f"{place} holds no sealed record: somebody changed it; `faust -A app store rebuild` mends it"
            ) from None
        if sealed.key not in self._keys:
            raise SealError(
                f"{place} is sealed with key {sealed.key!r}, {_VARIABLE} has {', '.join(self._keys)}: add it there"
            )
        salt, counter, box = raw[:SALT_BYTES], raw[SALT_BYTES:][:COUNTER_BYTES], raw[SALT_BYTES + COUNTER_BYTES :]
        bound_to = _bound_to(place, sealed.partition, sealed.offset, sealed.key)
        try:
            content = self._ciphers(sealed.key, salt).decrypt(_nonce(counter), box, bound_to)
        except (InvalidTag, ValueError):
            raise SealError(
                f"{place} does not open with key {sealed.key!r}: somebody changed or moved it, or the key of that name "
                "is another one; `faust -A app store rebuild` mends it"
            ) from None
        return Opened(sealed.partition, sealed.offset, content)

    def _cipher_of(self, key_id: str, salt: bytes) -> AESGCM:
        return _derived(self._keys[key_id], salt)


def sealed_without_key(place: str) -> ConfigError:
    """The error of a reader that has no keys and finds a sealed record at `place`."""
    return ConfigError(f"{place} is sealed: set {_VARIABLE} to a file that holds its key")


def _derived(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt=salt, info=b"hayate features at rest 1").derive(key))


def _nonce(counter: bytes) -> bytes:
    return b"\0\0\0\0" + counter


def _bound_to(place: str, partition: int, offset: int, key_id: str) -> bytes:
    return f"{place}\n{partition}\n{offset}\n{key_id}".encode()
