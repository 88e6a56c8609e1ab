"""The Redis functions of the feature store: their text, their names, and the packing of what they take."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from tables.features.contract import FeatureWrite
from tables.features.keys import NS, FeatureKeys, second_text

NAME: Final = "hayate_features"
_PATH: Final = Path(__file__).with_name("store.lua")

NOT_NEWER: Final = 0
WRITTEN: Final = 1
WRITTEN_FIRST: Final = 2
"""Written, and the symbol was unknown: a new one, or the server has lost its data."""
WRITTEN_SECOND: Final = 3
"""Of a record of the log only the history of its second was written, for the symbol has newer."""
LIVE: Final = -1
"""Age of a record of the stream."""
OVERTAKEN: Final = -2
"""Age of one that is followed, in the same batch, by a newer one of its symbol: only its second is written."""


class Library(NamedTuple):
    """The functions of one text."""

    text: str
    put: str
    mark: str


def load_library() -> Library:
    """The text to load and the names of its functions, all with the hash of the text in them.

    Workers of two versions then share one server. A library left behind by an old version does no harm; `FUNCTION LIST
    LIBRARYNAME hayate_features_*` shows them.
    """
    text = _PATH.read_text(encoding="utf-8")
    name = f"{NAME}_{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    return Library(text.replace(NAME, name), f"{name}_put", f"{name}_mark")


def pack_header(schema: str, latest_ttl_s: int, names: Sequence[str], ttls: Mapping[str, int]) -> bytes:
    """What all records of a store have in common; `ttls` are the lives, in seconds, of those of `names` that keep
    history keys.

    Text and small integers are all that `cmsgpack` knows exactly.
    """
    kept = [name for name in names if name in ttls]
    return msgspec.msgpack.encode((schema, latest_ttl_s, names, kept, [ttls[name] for name in kept]))


def put_command(
    function: str,
    keys: FeatureKeys,
    header: bytes,
    write: FeatureWrite,
    kept: frozenset[str],
    places: Sequence[int],
    age_s: int = LIVE,
) -> tuple[str | bytes | int, ...]:
    """The call that stores `write` under `keys`; `kept` are the names that keep history, `places` where the values of
    these stand, in the order of the header.

    `age_s`: of a record of the log, how many seconds ago it was written there, rounded up.

    Numbers are text; floats in the shortest form that reads back as the same double.

    Raises:
        TypeError, ValueError: a field of `write` is not what its type says.
    """
    price = write.price
    record = (
        write.symbol,
        str(write.partition),
        str(write.offset),
        second_text(write.ts_ns // NS),
        str(write.ts_ns),
        write.id,
        write.status,
        repr(price) if price is not None and math.isfinite(price) else "",
        "" if write.flags == b"{}" else write.flags.decode(),
        flags_of(write.flags, kept),
        # msgspec writes NaN and infinities as null. As text, for cmsgpack does not know msgpack's binary type.
        msgspec.json.encode(write.values).decode() if age_s != OVERTAKEN else "[]",
        msgspec.json.encode([write.values[place] for place in places]).decode(),
        age_s,
    )
    return ("FCALL", function, 2, keys.latest(write.symbol), keys.symbols, header, msgspec.msgpack.encode(record))


@lru_cache(maxsize=1024)
def flags_of(flags: bytes, kept: frozenset[str]) -> str:
    """Those of `flags` (JSON) that are of `kept`, as JSON; empty where there are none. Few patterns occur."""
    found = {name: flag for name, flag in _FLAGS.decode(flags or b"{}").items() if name in kept}
    return msgspec.json.encode(found).decode() if found else ""


_FLAGS: Final = msgspec.json.Decoder(dict[str, str])
