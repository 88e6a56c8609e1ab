import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.errors import ConfigError
from streams.feeds.poll_mapping import PollMapping
from streams.feeds.poll_news import REMEMBERED, Page, in_order
from streams.feeds.polling import PollingFeed
from streams.records import Tick

GOOD: dict[str, Any] = {"name": "dex", "url": "http://x.test/{symbol}", "items": [{"price": "p"}]}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"name": ""}, "name is missing"),
        ({"name": "A B"}, "name='A B'"),
        ({"url": 5}, "url=5 has the wrong type"),
        ({"items": []}, "items is missing"),
        ({"items": [5]}, "items 1: write every kind of item as a table"),
        ({"items": [{"prise": "p"}]}, "items 1: unknown entry 'prise'"),
        ({"items": [{"price": "p", "history": "yes"}]}, "items 1: history='yes'"),
        ({"items": [{"price": "p", "history": True}]}, "items 1: history=true takes each, and seq or time"),
        ({"interval": 1}, "unknown entry 'interval'"),
        ({"interval_s": 0}, "interval_s=0"),
        ({"timeout_s": True}, "timeout_s=True has the wrong type"),
        ({"symbol_case": "title"}, "symbol_case='title'"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused_by_entry(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"m.toml: {named}")):
        PollMapping.of(GOOD | change, "m.toml")


@pytest.mark.parametrize(
    ("change", "symbols", "named"),
    [
        ({}, (), "no symbol"),
        ({}, ("A B",), "symbol='A B'"),
        ({"url": "ftp://x.test/{symbol}"}, ("A",), "no HTTP address"),
        ({"url": "http:///{symbol}"}, ("A",), "no HTTP address"),
        ({"url": "http://x.test/?k={key}"}, ("A",), "set HAYATE_FEED_KEY"),
        ({"url": "http://x.test/?k={secret}"}, ("A",), "set HAYATE_FEED_SECRET"),
        ({"url": "http://x.test/"}, ("A", "B"), "items 1 names no symbol"),
        ({"symbol_case": "upper"}, ("a", "A"), "two symbols have one name"),
        ({"headers": {"X": 5}}, ("A",), "header X: give a text"),
        ({"headers": {"X": {"env": "NOT_THERE"}}}, ("A",), "header X wants NOT_THERE, which is not set"),
    ],
)
def test_a_feed_that_cannot_be_is_refused(change: dict[str, Any], symbols: tuple[str, ...], named: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(named)):
        PollingFeed(PollMapping.of(GOOD | change, "m.toml"), symbols, env={})


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: No such file"):
        PollMapping.load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[")
    with pytest.raises(ConfigError, match=r"bad\.toml: no TOML"):
        PollingFeed.load(tmp_path / "bad.toml", ["A"])


def test_headers_of_the_environment() -> None:
    mapping = PollMapping.of(GOOD | {"headers": {"X": {"env": "THERE"}, "Y": "y"}}, "m.toml")
    assert mapping.filled_headers({}, {"THERE": "x"}) == {"X": "x", "Y": "y"}


trades = st.builds(Tick, symbol=st.just("A"), ts_ns=st.integers(1, 3), price=st.sampled_from([1.0, 2.0]))


few = st.sampled_from([Tick("A", 1, price=1.0), Tick("A", 2, price=1.0)])


@given(st.lists(st.lists(few, max_size=3), max_size=5))
@example([[Tick("A", 1, price=1.0)] * 2, [Tick("A", 1, price=1.0)], [Tick("A", 1, price=1.0)] * 2])
def test_of_items_without_numbers_as_many_come_out_as_the_fullest_page_had(pages: list[list[Tick]]) -> None:
    page = Page(timed=True)
    out: Counter[Tick] = Counter()
    fullest: Counter[Tick] = Counter()
    for ticks in pages:
        out.update(page.news(ticks)[0])
        fullest |= Counter(ticks)
        assert out == fullest


@given(st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=6))
def test_of_numbered_items_each_comes_out_once(pages: list[list[int]]) -> None:
    page = Page(timed=False)
    seen: list[int] = []
    for numbers in pages:
        known = set(seen)
        fresh, overlaps = page.news([Tick("A", 5, price=1.0, seq=number) for number in numbers])
        assert [tick.seq for tick in fresh] == list(dict.fromkeys(n for n in numbers if n not in known))
        assert overlaps is (not known or not numbers or bool(known & set(numbers)))
        seen += [tick.seq for tick in fresh if isinstance(tick.seq, int)]


def test_what_is_remembered_is_bounded() -> None:
    page = Page(timed=False)
    for start in range(0, 3 * REMEMBERED, 1_000):
        page.news([Tick("A", 5, price=1.0, seq=number) for number in range(start, start + 1_000)])
    assert page.known == REMEMBERED


@given(st.lists(trades, max_size=8))
def test_a_page_is_put_in_order_whichever_way_it_was(ticks: list[Tick]) -> None:
    forward = sorted(ticks, key=lambda tick: tick.ts_ns or 0)
    assert in_order(forward) == forward
    if len({tick.ts_ns for tick in ticks}) > 1:
        assert in_order(forward[::-1]) == forward
