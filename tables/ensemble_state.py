"""What the ensemble remembers of a symbol: a row of the table `ensemble-state`.

There are rows only where something must be remembered: weights that follow performance (HAYATE_WEIGHTS=dynamic), or an
emission policy other than `every`. A row has the header of an indicator state row (tables/indicator_state.py), with the
offset in `features` of the last record of the symbol that counts in it, and a MessagePack of `SymbolMemory`.
"""

import struct
from typing import Final, NamedTuple

import msgspec
import numpy as np

from streams.columns import F64
from streams.errors import StateError
from tables.indicator_state import HEADER

LAYOUT: Final = 0x656E73656D626C31
"""Of this form of the row: `ensembl1`. Another one is another number."""


class SymbolMemory(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One symbol's memory; arrays as the bytes of little-endian numbers."""

    action: int
    """Code of the action of its last signal, -1 for none (agents/decision/emission.py)."""
    emitted_ns: int
    """Latest event time of the symbol at that signal."""
    now_ns: int
    """Latest event time."""
    model: str = ""
    """Whose decisions wait, and whose members the weights are of; empty for none."""
    weights: bytes = b""
    price: float = 0.0
    mid: float = 0.0
    ts_ns: bytes = b""
    """Of the pending decisions, oldest first, int64."""
    base: bytes = b""
    quoted: bytes = b""
    payload: bytes = b""


class MemoryRow(NamedTuple):
    """A decoded row."""

    offset: int
    memory: SymbolMemory


def encode_memory(offset: int, memory: SymbolMemory) -> bytes:
    """Bytes of a table value."""
    return HEADER.pack(LAYOUT, offset, memory.now_ns) + msgspec.msgpack.encode(memory)


def decode_memory(value: bytes, symbol: str) -> MemoryRow:
    """Row of `symbol`.

    Raises:
        StateError: it is of another version of Hayate, or damaged.
    """
    try:
        layout, offset, _ = HEADER.unpack_from(value)
        if layout == LAYOUT:
            return MemoryRow(offset, msgspec.msgpack.decode(memoryview(value)[HEADER.size :], type=SymbolMemory))
    except (struct.error, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateError(_unfit(symbol, str(error))) from None
    raise StateError(_unfit(symbol, f"layout {layout:016x}, this version has {LAYOUT:016x}"))


def floats(raw: bytes) -> F64:
    """The numbers of a field of a row."""
    return np.frombuffer(raw, "<f8").astype(np.float64)


def _unfit(symbol: str, why: str) -> str:
    return (
        f"ensemble state of {symbol}: {why}; run the version that wrote it, or start anew with: faust -A app state "
        "reset"
    )
