"""Items of a JSON message: the venue's conditions, and numbers that come again or the wrong way round."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.feeds.json_items import ItemMapping
from streams.feeds.json_mapping import JsonMapping
from streams.feeds.json_venue import JsonVenue
from streams.feeds.venue import Missing, NonTick, Unreadable
from streams.records import MAX_CONDITION, MAX_CONDITIONS, Tick

ITEMS = ItemMapping({"price": "p", "conditions": "c"}, "m.toml: message 1", venue="v")


def read(**item: Any) -> Tick | Unreadable:
    (found,) = ITEMS.read({"p": 1, **item}, 5, lambda _: None, "A")
    return found


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["@", "I"], ("@", "I")),
        ([12, 37], ("12", "37")),
        ("@;T I", ("@", "T", "I")),
        (7, ("7",)),
        ([], ()),
        ("", ()),
        (None, ()),
        (["a", None], ("a",)),
        (["x" * 40], ("x" * MAX_CONDITION,)),
        ([str(n) for n in range(40)], tuple(str(n) for n in range(MAX_CONDITIONS))),
    ],
)
def test_conditions(written: Any, expected: tuple[str, ...]) -> None:
    tick = read(c=written)
    assert isinstance(tick, Tick)
    assert tick.conditions == expected


@pytest.mark.parametrize("written", [{"a": 1}, [["a"]], [True], 1.5])
def test_what_is_no_condition_is_told(written: Any) -> None:
    event = read(c=written)
    assert isinstance(event, Unreadable)
    assert event.reason == "bad-value"


def test_a_number_that_is_a_novel_spoils_its_item_alone() -> None:
    items = ItemMapping({"price": "p", "seq": "i"}, "m.toml: message 1", venue="v")
    for length, kind in ((256, Tick), (257, Unreadable), (70_000, Unreadable)):
        (event,) = items.read({"p": 1, "i": "x" * length}, 5, lambda _: None, "A")
        assert isinstance(event, kind)


def numbered() -> JsonVenue:
    rule = {
        "match": {"e": "t"},
        "each": "data",
        "symbol": "s",
        "price": "p",
        "seq": "i",
        "time": "t",
        "time_unit": "ms",
        "contiguous": True,
    }
    table = {"name": "v", "url": "wss://v.example", "message": [rule]}
    return JsonVenue(("A", "B"), mapping=JsonMapping.of(table, "m.toml"), env={})


def frame(*trades: tuple[str, int]) -> str:
    return json.dumps({"e": "t", "data": [{"s": s, "p": 1, "i": i, "t": 1_700_000_000_000 + i} for s, i in trades]})


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 8), st.booleans()), max_size=20))
def test_pages_that_overlap_give_each_trade_once_in_order(pages: list[tuple[int, int, bool]]) -> None:
    """Whichever way a page is listed; and what is left out in between is told."""
    venue = numbered()
    newest, expected, holes = 0, [], 0
    seqs: list[object] = []
    missing = 0
    for first, count, backwards in pages:
        numbers = list(range(first, first + count))
        fresh = [n for n in numbers if n > newest]
        if fresh:
            holes += newest > 0 and fresh[0] > newest + 1
            expected += fresh
            newest = fresh[-1]
        page = frame(*(("A", n) for n in (reversed(numbers) if backwards else numbers)))
        events = venue.receive(page, 5)
        seqs += [event.seq for event in events if isinstance(event, Tick)]
        missing += sum(isinstance(event, Missing) for event in events)
        assert sum(isinstance(event, Tick | NonTick) for event in events) == count, "nothing is dropped silently"
    assert seqs == expected
    assert missing == holes


def test_two_numbered_tables_each_tell_of_their_own_count() -> None:
    trade = {"match": {"e": "t"}, "symbol": "s", "price": "p", "seq": "i", "contiguous": True}
    quote = {"match": {"e": "q"}, "symbol": "s", "bid": "b", "ask": "a", "seq": "i", "contiguous": True}
    table = {"name": "v", "url": "wss://v.example", "message": [trade, quote]}
    venue = JsonVenue(("A",), mapping=JsonMapping.of(table, "m.toml"), env={})

    def across(kind: str, number: int) -> list[bool]:
        message = json.dumps({"e": kind, "s": "A", "p": 1, "b": 1, "a": 2, "i": number})
        return [event.across for event in venue.receive(message, 5) if isinstance(event, Missing)]

    assert across("t", 1) == across("q", 1) == []
    venue.open()
    assert across("q", 2) == []
    assert across("t", 5) == [True], "the quotes say nothing of the trades"
    assert across("t", 9) == [False]
    assert across("q", 9) == [False]
