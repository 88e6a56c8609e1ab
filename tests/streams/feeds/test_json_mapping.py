"""Mapping files that cannot be: each named by entry, value and remedy."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import ConfigError
from streams.feeds.json_mapping import JsonMapping
from streams.feeds.json_path import MISSING, getter, parts_of
from streams.feeds.json_venue import JsonVenue

GOOD: dict[str, Any] = {"name": "v", "url": "wss://v.example", "message": [{"symbol": "s", "price": "p"}]}


def rule(**entries: Any) -> dict[str, Any]:
    return {"message": [{"symbol": "s", "price": "p", **entries}]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nmae": "v"}, "unknown entry 'nmae'; known are name, url"),
        ({"name": None}, "name=None has the wrong type"),
        ({"name": ""}, "name is missing"),
        ({"message": []}, "message is missing"),
        ({"message": ["x"]}, "message 1: write every message as a table"),
        ({"quiet_s": 0}, "quiet_s=0: give seconds above 0"),
        ({"quiet_s": True}, "quiet_s=True has the wrong type"),
        ({"symbol_case": "Upper"}, "symbol_case='Upper': give upper or lower"),
        ({"subscribe": [1]}, "subscribe=[1]: give a list of texts"),
        (rule(prize="p"), "message 1: unknown entry 'prize'"),
        ({"message": [{"symbol": "s"}]}, "neither price nor bid and ask"),
        ({"message": [{"symbol": "s", "bid": "b"}]}, "neither price nor bid and ask"),
        (rule(price="a..b"), "path 'a..b'"),
        (rule(price=5), "path 5: a text such as data.price"),
        (rule(price=["a", 1.5]), "path ['a', 1.5]: a list of names and whole numbers"),
        (rule(match={"a..b": 1}), "path 'a..b'"),
        (rule(match="trade"), "match='trade': write match = "),
        (rule(time_unit="m"), "time unit='m'"),
        (rule(time_zone="Mars/Phobos"), "time zone 'Mars/Phobos'"),
        (rule(sides={"b": "bid"}), "sides={'b': 'bid'}"),
        (rule(side_of="taker"), "side_of='taker': give aggressor or maker"),
        (rule(contiguous=True), "contiguous=true without seq"),
        (rule(kind=""), "kind='': give tick, subscribed, refused, or a word"),
        (rule(kind="pong"), "'price' says nothing in a message of kind 'pong'"),
        ({"message": [{"kind": "ping", "answer": 1}]}, "answer=1: give the text of a frame"),
    ],
)
def test_what_cannot_be_is_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        JsonMapping.of({**GOOD, **change}, "m.toml")
    assert str(caught.value).startswith("m.toml")


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    with pytest.raises(ConfigError, match=r"m\.toml: No such file"):
        JsonMapping.load(path)
    path.write_text("name = ")
    with pytest.raises(ConfigError, match=r"m\.toml: no TOML"):
        JsonMapping.load(path)
    path.write_text('name = "v"\nurl = "ws://h"\n[[message]]\nprice = "p"\n')
    assert JsonMapping.load(path).name == "v"


@pytest.mark.parametrize(
    ("change", "symbols", "words"),
    [
        ({}, [], "no symbol: name one or more"),
        ({}, ["A:B"], "symbol='A:B'"),
        ({"symbols": {"A": "x", "B": "x"}}, ["A", "B"], "two symbols have one name there"),
        ({"message": [{"price": "p"}]}, ["A", "B"], "message 1 names no symbol"),
        ({"headers": {"X": {"env": "TOKEN"}}}, ["A"], "header X wants TOKEN, which is not set"),
        ({"headers": {"X": {"env": "HAYATE_FEED_KEY"}}}, ["A"], "header X wants HAYATE_FEED_KEY, which is not set"),
        ({"headers": {"X": 1}}, ["A"], "header X: give a text"),
    ],
)
def test_symbols_and_headers_that_cannot_be(change: dict[str, Any], symbols: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        JsonVenue(symbols, mapping=JsonMapping.of({**GOOD, **change}, "m.toml"), env={})


def test_items_without_a_symbol_are_of_the_only_one() -> None:
    tested = JsonVenue(["A"], mapping=JsonMapping.of({**GOOD, "message": [{"price": "p"}]}, "m"), env={})
    (tick,) = tested.receive('{"p": 1}', 5)
    assert getattr(tick, "symbol", None) == "A"


names = st.text(st.characters(codec="ascii", exclude_characters="."), min_size=1, max_size=5).filter(
    lambda name: not name.lstrip("-").isdecimal()
)


@given(st.lists(st.one_of(names, st.integers(0, 3)), min_size=1, max_size=5), st.integers())
def test_a_path_leads_where_it_was_put(parts: list[str | int], value: int) -> None:
    document: Any = value
    for part in reversed(parts):
        document = [None] * part + [document] if isinstance(part, int) else {part: document}
    assert getter(parts)(document) == value
    assert getter(".".join(map(str, parts)))(document) == value
    assert getter([*parts, "more"])(document) is MISSING
    assert getter([*parts[:-1], "other"])(document) is MISSING
    assert repr(MISSING) == "missing"


def test_paths() -> None:
    assert parts_of("") == ()
    assert parts_of("a.-1.0") == ("a", -1, 0)
    assert getter("")({"a": 1}) == {"a": 1}
    assert getter("a.7")({"a": {"7": "member"}}) == "member"
    assert getter("a.-1")({"a": [1, 2]}) == 2
    assert getter("a.2")({"a": [1, 2]}) is MISSING
    assert getter("a")([1]) is MISSING
    assert getter("a")({"a": None}) is None
