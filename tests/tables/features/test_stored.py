"""Numbers as Redis gives them back: the same doubles, bit for bit, that were written."""

import math
import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tables.features.stored import _numbers


def bits(values: list[float] | list[float | None]) -> list[bytes | None]:
    """Which tell -0.0 from 0.0."""
    return [None if value is None else struct.pack("<d", value) for value in values]


@given(st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False)))
def test_the_doubles_that_were_written_come_back(values: list[float | None]) -> None:
    """Both texts of a number: values are written by msgspec, a price by Python."""
    by_msgspec = [None if value is None else msgspec.json.encode(value) for value in values]
    by_python = [None if value is None else repr(value).encode() for value in values]
    for texts in (by_msgspec, by_python):
        assert bits(_numbers(texts)) == bits(values)


def test_what_somebody_else_wrote_is_read_as_python_reads_it() -> None:
    found = _numbers([b"NaN", b"1e400", b"1_000", None, b" 2 "])
    assert found[0] is not None
    assert math.isnan(found[0])
    assert found[1:] == [math.inf, 1000.0, None, 2.0]


@pytest.mark.parametrize("text", [b"1,2", b"", b"null", b"1]", b"word"])
def test_what_is_no_number_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="could not convert"):
        _numbers([b"1.5", text, b"2.5"])
