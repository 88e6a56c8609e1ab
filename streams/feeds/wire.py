"""Ticks and marks as they are written to the `ticks` topic."""

from typing import Final

import msgspec

from streams.errors import FatalError
from streams.records import MAX_TICK_BYTES, Tick

_encode: Final = msgspec.json.Encoder().encode
_fields: Final = msgspec.structs.astuple


class _WireTick(Tick, frozen=True, gc=False, omit_defaults=True):
    """A tick as it is written: fields that say nothing (null, or the default of the contract) are left out."""


def encode_tick(tick: Tick) -> bytes:
    """Return the JSON of a tick for the `ticks` topic, without the fields that are null or have their default."""
    return _encode(_WireTick(*_fields(tick)))


def encode_checked(tick: Tick) -> bytes:
    """Return the JSON of a tick that fits into a record.

    Raises:
        FatalError: it is larger than a record may be.
    """
    value = encode_tick(tick)
    if len(value) > MAX_TICK_BYTES:
        raise FatalError(
            f"tick of {tick.symbol} has {len(value)} bytes of JSON, at most {MAX_TICK_BYTES} go into a "
            "record: shorten seq or venue"
        )
    return value


def encode_mark(mark: msgspec.Struct) -> bytes:
    """Return the JSON of a mark (streams.marks)."""
    return _encode(mark)
