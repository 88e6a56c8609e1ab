from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.feeds.rfc3339 import event_time_ns, parse_ns
from streams.records import Tick


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1969-12-31T23:59:59.9z", -100_000_000),
        ("2013-09-03T13:30:00.123Z", 1_378_215_000_123_000_000),
        ("2013-09-03 08:30:00.123-05:00", 1_378_215_000_123_000_000),
        ("2013-09-03t19:00:00.123456789+05:30", 1_378_215_000_123_456_789),
        ("2000-02-29T12:00:00-00:00", 951_825_600_000_000_000),
    ],
)
def test_times_by_hand(text: str, ns: int) -> None:
    assert parse_ns(text) == ns


@given(
    st.datetimes(datetime(1678, 1, 1), datetime(2262, 1, 1)),  # noqa: DTZ001 - the zone is added below
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
    st.integers(0, 999),
)
def test_agrees_with_datetime_and_keeps_every_digit(moment: datetime, offset_min: int, below_us: int) -> None:
    local = moment.replace(tzinfo=timezone(timedelta(minutes=offset_min)))
    sign, minutes = "-" if offset_min < 0 else "+", abs(offset_min)
    text = (
        f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}{below_us:03d}{sign}{minutes // 60:02d}:{minutes % 60:02d}"
    )
    whole_us = (local - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert parse_ns(text) == whole_us * 1000 + below_us


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2013-09-03T13:30:00",
        "2013-09-03",
        "20130903T133000Z",
        "2013-W36-2T13:30:00Z",
        "2013-09-03T13:30Z",
        "2013-09-03T13:30:00,5Z",
        "2013-09-03T13:30:00.Z",
        "2013-09-03T13:30:00.0000000001Z",
        "2013-09-03T13:30:00+0500",
        "2013-09-03T13:30:00+05:00:01",
        "2013-09-03T13:30:00Z ",
        "2013-02-29T00:00:00Z",
        "2013-09-03T24:00:00Z",
        "2016-12-31T23:59:60Z",
        "2013-09-03T13:30:00+24:00",
        "1600-01-01T00:00:00Z",
        "2263-01-01T00:00:00Z",
        "٢013-09-03T13:30:00Z",
    ],
)
def test_what_is_no_rfc_3339_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not an RFC 3339|must be|out of range|outside|strictly"):
        parse_ns(text)


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(parse_ns(text), int)


def test_event_time_of_either_field() -> None:
    assert event_time_ns(Tick("A", ts_ns=7)) == 7
    assert event_time_ns(Tick("A", ts="1970-01-01T00:00:01Z")) == 1_000_000_000
    with pytest.raises(ValueError, match="A has neither"):
        event_time_ns(Tick("A"))
