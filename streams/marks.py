"""Records of the topic `ticks` that are no ticks: clock marks, gap marks, copies of reference symbols.

The header `kind` tells them apart; a record without it is a tick. Nothing that changes state may depend on when a
record is processed, so what must happen while a symbol is quiet is driven by these records: they are in the log, and a
replay meets them at the same place.
"""

import hashlib
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

CLOCK_KIND: Final = b"clock"
"""Value: a ClockMark. Without key; its writer puts one into every partition, once a second."""
REFERENCE_KIND: Final = b"reference"
"""Value: a Tick of a reference symbol, whose writer puts a copy into every partition."""
WARM_KIND: Final = b"warm"
"""Value: a Tick of history. It is folded like any other and yields no record."""
GAP_KIND: Final = b"gap"
"""Value: a GapMark; key and partition are those of its symbol."""

CLOCK_ID_BITS: Final = 48


class ClockMark(msgspec.Struct, frozen=True, gc=False):
    """No tick of `clock` that is older than `ts_ns` is to be expected any more."""

    clock: str
    ts_ns: int


class GapMark(msgspec.Struct, frozen=True, gc=False):
    """Ticks of `symbol` before `ts_ns` are missing: `reason` says why (`sequence`, `reconnect`, `halt`)."""

    symbol: str
    ts_ns: int
    reason: str = "gap"


class Clock(NamedTuple):
    """A clock mark of a micro-batch."""

    place: int
    """How many rows of the batch stand before it."""
    offset: int
    clock: float
    """See `clock_id`."""
    ts_ns: int


class Reference(NamedTuple):
    """A reference symbol's trade in a micro-batch."""

    place: int
    """How many rows of the batch stand before it."""
    offset: int
    symbol: str
    price: float
    """NaN for a pure quote, which says nothing here."""
    ts_ns: int = 0


@lru_cache(maxsize=1_024)
def clock_id(name: str) -> float:
    """A clock's name as a number that a row of state can hold: 48 bits of its SHA-256, never 0."""
    return float(int.from_bytes(hashlib.sha256(name.encode()).digest()[: CLOCK_ID_BITS // 8]) or 1)
