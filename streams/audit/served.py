"""A feature record as it was served."""

from typing import Final

import msgspec

from streams.records import FLAG_NAMES, READY, UNAVAILABLE, UNDEFINED

CODES: Final = {name: code for code, name in enumerate(FLAG_NAMES)}


class Served(msgspec.Struct, frozen=True):
    """Value of a record of `features` (docs/records.md)."""

    id: str
    symbol: str
    ts_ns: int
    schema: str
    status: str
    price: float | None
    values: dict[str, float | None]
    flags: dict[str, str]


decode: Final = msgspec.json.Decoder(Served).decode


def worst(flags: list[str]) -> str:
    """Status of a record with these flags: the worst that counts."""
    codes = [CODES.get(flag, READY) for flag in flags]
    return FLAG_NAMES[max((code for code in codes if code not in {UNDEFINED, UNAVAILABLE}), default=READY)]
