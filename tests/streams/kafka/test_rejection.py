"""The form of a rejected record, whatever the record and the error are like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.rejection import MAX_DETAIL_BYTES, describe, rejected
from tests.agents.fake_kafka import record


def test_it_says_where_it_came_from() -> None:
    got = rejected(record("ticks", 3, 17, (b"k", b"\xff", [("sent_ns", b"1")])), "late", "too late")
    assert (got.key, got.value) == (b"k", b"\xff")
    assert dict(got.headers) == {
        "reason": b"late",
        "detail": b"too late",
        "topic": b"ticks",
        "partition": b"3",
        "offset": b"17",
        "original.sent_ns": b"1",
    }


@given(st.text(st.characters(exclude_categories=()), max_size=60), st.sampled_from([1, 40, 200]))
def test_any_detail_is_short_utf8(part: str, times: int) -> None:
    got = dict(rejected(record("t", 0, 0, (None, None, ())), "poison", part * times).headers)["detail"]
    assert len(got) <= MAX_DETAIL_BYTES
    got.decode()


class MuteError(Exception):
    """Cannot say what it is."""

    def __str__(self) -> str:
        raise ValueError("no words")


@pytest.mark.parametrize(("error", "text"), [(KeyError("x"), "KeyError: 'x'"), (MuteError(), "MuteError")])
def test_describe(error: Exception, text: str) -> None:
    assert describe(error) == text
