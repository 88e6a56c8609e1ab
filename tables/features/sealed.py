"""Features sealed at rest (tables/sealing.py): one record for a symbol's newest features, and one for each second.

    feature:{symbol}:latest                     hash: `ts_ns`, `schema`, `_partition`, `_offset` in clear, and `sealed`
    feature:{symbol}:_record:{YYYYMMDDHHMMSS}   string: the record of that second, sealed, with the values that keep
                                                history; it lives as long as the longest-lived of them

What is sealed is, in both, the fields that the latest hash would have in clear: so whoever reads them goes on as if
they had come from there. The names of symbols, the seconds and the number of records are not hidden.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from tables.features.commands import Command, FeatureCommands
from tables.features.contract import FeatureWrite
from tables.features.keys import NS, RECORD, FeatureKeys, second_text
from tables.features.library import LIVE, OVERTAKEN, flags_of
from tables.sealing import Opened, Sealer, SealError, sealed_without_key

logger = logging.getLogger(__name__)

SEALED: Final = "sealed"
"""Field of the latest hash that holds what is sealed."""
_CLEAR: Final = b'{"_partition":'
_MARK: Final = b'"sealed":"'


class SealedCommands(FeatureCommands):
    """As FeatureCommands, but what is stored is sealed with `sealer` before it leaves the process."""

    def __init__(
        self,
        keys: FeatureKeys,
        *,
        schema: str,
        names: Sequence[str],
        ttls: Mapping[str, int],
        latest_ttl_s: int,
        sealer: Sealer,
    ) -> None:
        super().__init__(keys, schema=schema, names=names, ttls=ttls, latest_ttl_s=latest_ttl_s)
        self._put_sealed = f"{self._put}_sealed"
        self._names = tuple(names)
        self._schema = schema.encode()
        self._sealer = sealer

    def put(self, write: FeatureWrite, age_s: int = LIVE) -> Command:
        """As FeatureCommands.put."""
        partition, offset, second = write.partition, write.offset, write.ts_ns // NS
        texts = msgspec.json.encode(write.values)[1:-1].split(b",")
        values = {name: text for name, text in zip(self._names, texts, strict=True) if text != b"null"}
        common = {
            "ts_ns": b"%d" % write.ts_ns,
            "schema": self._schema,
            "status": write.status.encode(),
            "id": write.id.encode(),
            "_partition": b"%d" % partition,
            "_offset": b"%d" % offset,
        }
        if write.price is not None and math.isfinite(write.price):
            common["price"] = repr(write.price).encode()
        latest = self.keys.latest(write.symbol)
        of_latest = of_second = ""
        if age_s != OVERTAKEN:
            newest = common | values
            if write.flags not in (b"", b"{}"):
                newest["flags"] = write.flags
            of_latest = self._sealer.seal(latest, partition, offset, msgspec.msgpack.encode(newest))
        if self._kept:
            fields = common | {name: text for name, text in values.items() if name in self._kept}
            if flags := flags_of(write.flags, self._kept):
                fields["flags"] = flags.encode()
            place = self.keys.history(write.symbol, RECORD, second)
            of_second = self._sealer.seal(place, partition, offset, msgspec.msgpack.encode(fields))
        record = (
            write.symbol,
            str(partition),
            str(offset),
            second_text(second),
            str(write.ts_ns),
            of_latest,
            of_second,
            age_s,
        )
        packed = msgspec.msgpack.encode(record)
        return ("FCALL", self._put_sealed, 2, latest, self.keys.symbols, self._header, packed)


class FeatureOpener:
    """Gives what was read from Redis in clear; `sealer` None is a reader without keys.

    With keys, a record that lies there in clear counts as none: whoever can write to Redis but has no key cannot pass
    one off. It is said once.
    """

    def __init__(self, sealer: Sealer | None) -> None:
        self._sealer = sealer
        self._warned = False

    @property
    def sealed(self) -> bool:
        """Whether records are expected to be sealed."""
        return self._sealer is not None

    def latest(self, key: str, fields: Mapping[str, bytes]) -> dict[str, bytes]:
        """Fields of the latest hash at `key`, of which `fields` has at least SEALED where it is there; empty for none.

        Raises:
            ConfigError: it is sealed, and there are no keys.
            SealError: it does not open.
        """
        if SEALED not in fields:
            return self._clear(key, fields) if fields else {}
        opened = self._open(key, fields[SEALED])
        found = _decode(opened.content)
        if any(fields.get(name, text) != text for name, text in found.items() if name in ("_partition", "_offset")):
            raise SealError(f"{key} says another offset than its sealed record: somebody changed it")
        return found

    def second(self, key: str, text: bytes | None) -> dict[str, bytes] | None:
        """Fields of the record of a second, read at `key`; None for none.

        Raises:
            ConfigError: it is sealed, and there are no keys.
            SealError: it does not open.
        """
        if text is None:
            return None
        if not (text.startswith(_CLEAR) and _MARK in text):
            self._clear(key, {})
            return None
        return _decode(self._open(key, text).content)

    def _open(self, key: str, text: bytes) -> Opened:
        if self._sealer is None:
            raise sealed_without_key(key)
        return self._sealer.open(key, text)

    def _clear(self, key: str, fields: Mapping[str, bytes]) -> dict[str, bytes]:
        if self._sealer is None:
            return dict(fields)
        if not self._warned:
            self._warned = True
            logger.warning(
                "%s lies in Redis in clear and counts as none, for there is a HAYATE_FEATURES_KEY_FILE (said once): "
                "`faust -A app store rebuild` seals what is there",
                key,
            )
        return {}


def _decode(content: bytes) -> dict[str, Any]:
    return msgspec.msgpack.decode(content, type=dict[str, bytes])
