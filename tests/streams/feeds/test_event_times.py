from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import ConfigError
from streams.feeds.event_times import UNITS, Instant, TimeFormat, parse_date

DAY = date(2025, 3, 17)
NINE_JST = 1_742_169_600_000_000_000
"""2025-03-17T09:00:00+09:00."""


@pytest.mark.parametrize(
    ("form", "value", "ns"),
    [
        (TimeFormat(), "2025-03-17T09:00:00+09:00", NINE_JST),
        (TimeFormat(), " 2025-03-17T00:00:00.000000001Z ", NINE_JST + 1),
        (TimeFormat(zone="Asia/Tokyo"), "2025-03-17 09:00:00.5", NINE_JST + 500_000_000),
        (TimeFormat(zone="Asia/Tokyo"), "20250317T09:00", NINE_JST),
        (TimeFormat(zone="Asia/Tokyo"), "2025-03-17T00:00:00Z", NINE_JST),
        (TimeFormat(zone="Asia/Tokyo", date=DAY), "9:00:00.000000002", NINE_JST + 2),
        (TimeFormat(zone="Asia/Tokyo", date=DAY), "09:00", NINE_JST),
        (TimeFormat(zone="Asia/Tokyo", date=DAY), "2025-03-18T09:00:00", NINE_JST + 86_400 * 10**9),
        (TimeFormat(unit="s"), 1_742_169_600, NINE_JST),
        (TimeFormat(unit="s"), "1742169600.123456789", NINE_JST + 123_456_789),
        (TimeFormat(unit="s"), 1742169600.123, NINE_JST + 123_000_000),
        (TimeFormat(unit="s"), Decimal("1742169600.5"), NINE_JST + 500_000_000),
        (TimeFormat(unit="ms"), "1742169600001", NINE_JST + 1_000_000),
        (TimeFormat(unit="us"), "1.742169600000001e15", NINE_JST + 1_000),
        (TimeFormat(unit="ns"), f"{NINE_JST}.9", NINE_JST),
        (TimeFormat(unit="ms"), Instant(5), 5),
        (TimeFormat(format="%d.%m.%Y %H:%M:%S", zone="Asia/Tokyo"), "17.03.2025 09:00:00", NINE_JST),
        (TimeFormat(format="%Y%m%d%H%M%S%f", zone="Asia/Tokyo"), "20250317090000123", NINE_JST + 123_000_000),
        (
            TimeFormat(format="%Y-%m-%d %H:%M:%S.%f", zone="UTC"),
            "2025-03-17 00:00:00.123456789",
            NINE_JST + 123_456_789,
        ),
        (TimeFormat(format="%Y-%m-%d %H:%M:%S.%f", zone="UTC"), "2025-03-17 00:00:00.1234567", NINE_JST + 123_456_700),
        (TimeFormat(format="%b %d %Y %I:%M %p %z"), "Mar 17 2025 09:00 AM +0900", NINE_JST),
        (TimeFormat(format="%H:%M:%S", zone="Asia/Tokyo", date=DAY), "09:00:00", NINE_JST),
    ],
)
def test_times(form: TimeFormat, value: object, ns: int) -> None:
    assert form.parse(value) == ns


@pytest.mark.parametrize(
    ("form", "value", "why"),
    [
        (TimeFormat(), "09:00:00", "without a zone"),
        (TimeFormat(), "2025-03-17 09:00:00", "without a zone"),
        (TimeFormat(), "soon", "RFC 3339"),
        (TimeFormat(), 1_742_169_600, "without a unit"),
        (TimeFormat(zone="Asia/Tokyo"), "09:00:00", "without a date"),
        (TimeFormat(zone="Asia/Tokyo", date=DAY), "25:00:00", "not a time of day"),
        (TimeFormat(zone="Asia/Tokyo"), "2025-02-29 09:00:00", "not a time of day"),
        (TimeFormat(unit="s"), "soon", "not a number"),
        (TimeFormat(unit="s"), "1_7", "not a number"),
        (TimeFormat(unit="s"), "nan", "not a number"),
        (TimeFormat(unit="s"), "1e400", "not a number"),
        (TimeFormat(unit="s"), True, "not a number"),
        (TimeFormat(unit="s"), [], "not a number"),
        (TimeFormat(format="%H:%M", zone="UTC"), "09:00", "without a date"),
        (TimeFormat(format="%Y %H:%M", zone="UTC"), "09:00", "not a time of the format"),
        (TimeFormat(format="%Y-%m-%d"), "2025-03-17", "without a zone"),
    ],
)
def test_what_is_no_time_is_told(form: TimeFormat, value: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        form.parse(value)


@pytest.mark.parametrize("text", ["2025-03-09 02:30:00", "2025-11-02 01:30:00"])
def test_an_hour_that_a_zone_skips_or_has_twice_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="twice or not at all"):
        TimeFormat(zone="America/New_York").parse(text)
    TimeFormat(zone="America/New_York").parse(text.replace(" 0", " 1"))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"unit": "min"}, "unit='min'"),
        ({"unit": "s", "format": "%H"}, "give one of them"),
        ({"format": "HH:MM"}, "format='HH:MM'"),
        ({"zone": "Tokio"}, "'Tokio'"),
        ({"zone": "../etc/passwd"}, "zone"),
    ],
)
def test_impossible_formats_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        TimeFormat(**options)


def test_dates() -> None:
    assert parse_date("2025-03-17") == parse_date("20250317") == DAY
    with pytest.raises(ConfigError, match=r"'17\.3\.25'"):
        parse_date("17.3.25")


NS = st.integers(0, 4 * 10**18)


@given(ns=NS, unit=st.sampled_from(sorted(UNITS)))
def test_a_number_is_exact_in_every_unit(ns: int, unit: str) -> None:
    whole, rest = divmod(ns, UNITS[unit])
    digits = len(str(UNITS[unit])) - 1
    assert TimeFormat(unit=unit).parse(f"{whole}.{rest:0{digits}d}" if digits else str(whole)) == ns
    assert TimeFormat(unit=unit).parse(whole) == whole * UNITS[unit]


@given(ns=NS, zone=st.sampled_from(["Asia/Tokyo", "UTC", "America/New_York", "Asia/Kathmandu"]))
def test_a_local_time_comes_back_or_is_one_of_those_that_the_zone_has_twice(ns: int, zone: str) -> None:
    moment = datetime.fromtimestamp(ns // 10**9, UTC).astimezone(ZoneInfo(zone))
    text = f"{moment:%Y-%m-%d %H:%M:%S}.{ns % 10**9:09d}"
    forms = (TimeFormat(zone=zone), TimeFormat(zone=zone, format="%Y-%m-%d %H:%M:%S.%f"))
    twice = moment.replace(fold=0).utcoffset() != moment.replace(fold=1).utcoffset()
    for form in forms:
        if twice:
            with pytest.raises(ValueError, match="twice"):
                form.parse(text)
        else:
            assert form.parse(text) == ns
    apart = TimeFormat(zone=zone, date=moment.date())
    if not twice:
        assert apart.parse(text.partition(" ")[2]) == ns


@given(text=st.text(max_size=30) | st.from_regex(r"\d{1,2}:\d{2}(:\d{2})?(\.\d+)?", fullmatch=True))
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    for form in (
        TimeFormat(), TimeFormat(unit="ms"), TimeFormat(zone="UTC", date=DAY), TimeFormat(format="%H:%M", zone="UTC"),
    ):  # fmt: skip
        with suppress(ValueError):
            assert isinstance(form.parse(text), int)
