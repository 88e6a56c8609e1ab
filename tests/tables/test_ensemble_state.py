"""Rows of the table `ensemble-state`."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import StateError
from tables.ensemble_state import LAYOUT, SymbolMemory, decode_memory, encode_memory, floats
from tables.indicator_state import HEADER, source_offset

integers = st.integers(-(2**63), 2**63 - 1)
memories = st.builds(
    SymbolMemory,
    action=st.integers(-1, 2),
    emitted_ns=integers,
    now_ns=integers,
    model=st.text(max_size=20),
    weights=st.binary(max_size=40),
    price=st.floats(allow_nan=False),
    mid=st.floats(allow_nan=False),
    ts_ns=st.binary(max_size=40),
    base=st.binary(max_size=40),
    quoted=st.binary(max_size=5),
    payload=st.binary(max_size=40),
)


@given(st.integers(0, 2**62), memories)
def test_round_trip(offset: int, memory: SymbolMemory) -> None:
    """To the bit; recovery reads the offset off the header, as of any row."""
    row = encode_memory(offset, memory)
    assert decode_memory(row, "A") == (offset, memory)
    assert source_offset(b"A", row) == offset


@given(st.binary(max_size=200), memories, st.integers(0, 300))
def test_what_is_no_row_is_refused_by_name(garbage: bytes, memory: SymbolMemory, cut: int) -> None:
    """Whatever stands there: the error names the symbol and the remedy."""
    row = encode_memory(1, memory)
    for bad in (
        b"\xff" + garbage,
        row[: min(cut, len(row) - 1)],
        row + b"\0",
        HEADER.pack(LAYOUT, 1, 2) + b"\x90" + garbage,
    ):
        with pytest.raises(StateError, match=r"ensemble state of AAPL: .*state reset"):
            decode_memory(bad, "AAPL")


def test_another_layout() -> None:
    """A row of a later version."""
    row = HEADER.pack(LAYOUT + 1, 1, 2) + encode_memory(1, SymbolMemory(0, 0, 0))[HEADER.size :]
    with pytest.raises(StateError, match="layout"):
        decode_memory(row, "A")
    assert floats(struct.pack("<2d", 1.5, -2.0)).tolist() == [1.5, -2.0]
