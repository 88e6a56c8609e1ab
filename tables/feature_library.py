"""The Redis functions of the feature store: their text, their names, and the packing of what they take."""

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from tables.feature_contract import FeatureWrite
from tables.feature_keys import NS, FeatureKeys, second_text

NAME: Final = "hayate_features"
_PATH: Final = Path(__file__).with_name("feature_store.lua")

NOT_NEWER: Final = 0
WRITTEN: Final = 1
WRITTEN_FIRST: Final = 2
"""Written, and the symbol was unknown: a new one, or the server has lost its data."""


def load_library() -> tuple[str, str]:
    """(text to load, name of its `put` function), both with the hash of the text in their names.

    Workers of two versions then share one server. A library left behind by an old version does no harm; `FUNCTION LIST
    LIBRARYNAME hayate_features_*` shows them.
    """
    text = _PATH.read_text(encoding="utf-8")
    name = f"{NAME}_{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    return text.replace(NAME, name), f"{name}_put"


def pack_header(schema: str, ttl_s: int, latest_ttl_s: int, names: Sequence[str], kept: Sequence[str]) -> bytes:
    """What all records of a store have in common; `kept` are those of `names` that keep history keys.

    Text, small integers and booleans are all that `cmsgpack` knows exactly.
    """
    return msgspec.msgpack.encode((schema, ttl_s, latest_ttl_s, names, [name in kept for name in names]))


def put_command(function: str, keys: FeatureKeys, header: bytes, write: FeatureWrite) -> tuple[str | bytes | int, ...]:
    """The call that stores `write` under `keys`.

    Numbers are text; floats in the shortest form that reads back as the same double.

    Raises:
        TypeError, ValueError: a field of `write` is not what its type says.
    """
    price = write.price
    flags = write.flags.decode()
    record = (
        write.symbol,
        str(write.partition),
        str(write.offset),
        second_text(write.ts_ns // NS),
        str(write.ts_ns),
        write.id,
        write.status,
        repr(price) if price is not None and math.isfinite(price) else "",
        "" if flags == "{}" else flags,
        # msgspec writes NaN and infinities as null. As text, for cmsgpack does not know msgpack's binary type.
        msgspec.json.encode(write.values).decode(),
    )
    return ("FCALL", function, 2, keys.latest(write.symbol), keys.symbols, header, msgspec.msgpack.encode(record))
