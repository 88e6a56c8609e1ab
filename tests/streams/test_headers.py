"""Kafka headers: the first of a name wins, and what anybody may write harms nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.headers import header, integer


def test_the_first_header_of_a_name() -> None:
    headers = [("src", b"1"), ("prev", b""), ("src", b"2")]
    assert header(headers, "src") == b"1"
    assert header(headers, "prev") == b""
    assert header(headers, "SRC") is None
    assert header((), "src") is None


@given(number=st.integers(0, 2**63 - 1))
def test_a_decimal_is_read_back(number: int) -> None:
    assert integer(b"%d" % number) == number


@pytest.mark.parametrize(
    "text", [None, b"", b"-1", b"+1", b" 1", b"1 ", b"1_0", b"1.0", b"1e3", b"0x1", b"\xb2", "²".encode()]
)
def test_what_is_no_decimal_is_zero(text: bytes | None) -> None:
    assert integer(text) == 0


@given(text=st.binary(max_size=30) | st.from_regex(rb"[0-9]{1,40}", fullmatch=True))
def test_any_bytes_give_a_number(text: bytes) -> None:
    assert integer(text) >= 0


def test_thousands_of_digits_are_no_time() -> None:
    assert integer(b"9" * 5_000) == 0


def test_a_number_beyond_64_bits_is_no_time() -> None:
    assert integer(b"9" * 20) == 0
