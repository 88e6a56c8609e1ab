"""The options that choose records."""

import pytest

from streams.errors import ConfigError
from streams.export.selection import Selection, parse_symbols, parse_time


def test_times() -> None:
    assert parse_time("--from", "2026-09-21") == 1_789_948_800 * 10**9
    assert parse_time("--from", "2026-09-21T13:30:00.5+02:00") == 1_789_990_200 * 10**9 + 5 * 10**8


@pytest.mark.parametrize("text", ["yesterday", "2026-02-30", "2026-09-21T13:30:00", "2026-9-1", ""])
def test_what_is_no_time_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match=f"--to {text}: .*or give a date such as"):
        parse_time("--to", text)


def test_symbols() -> None:
    assert parse_symbols("A, B/C,,") == frozenset({"A", "B/C"})
    assert parse_symbols("") is None


def test_an_empty_range_is_refused() -> None:
    with pytest.raises(ConfigError, match="--from is not before --to"):
        Selection(5, 5)


def test_the_range_is_half_open_and_knowledge_is_closed() -> None:
    chosen = Selection(5, 7, known_at_ns=9)
    assert [chosen.holds(ts) for ts in (4, 5, 6, 7)] == [False, True, True, False]
    assert [chosen.known(ns) for ns in (9, 10)] == [True, False]
