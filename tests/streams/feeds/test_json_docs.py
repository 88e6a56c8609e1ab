"""The mapping that docs/feeds.md shows, as pasted."""

import re
import tomllib
from pathlib import Path

from streams.feeds.holes import SEQUENCE
from streams.feeds.json_mapping import JsonMapping
from streams.feeds.json_venue import JsonVenue
from streams.feeds.venue import Missing, NonTick, Refused, Send, Subscribed
from streams.records import Tick

PAGE = Path(__file__).resolve().parents[3] / "docs" / "feeds.md"


def example() -> JsonVenue:
    (text,) = re.findall(r"```toml\n(name = \"bitsy\".*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    mapping = JsonMapping.of(tomllib.loads(text), "docs/feeds.md")
    return JsonVenue(["BTC/USDT", "1000SHIB/USDT"], mapping=mapping, env={})


def test_it_subscribes_each_symbol_by_the_venues_name() -> None:
    venue = example()
    assert venue.symbols() == ("BTC/USDT", "1000SHIB/USDT")
    assert venue.headers() == {"X-Client": "hayate"}
    assert venue.heartbeat() == '{"op": "ping"}'
    assert venue.open() == [
        '{"op": "subscribe", "channel": "trades", "market": "btc-usdt"}',
        '{"op": "subscribe", "channel": "trades", "market": "shib1000"}',
        '{"op": "subscribe", "channel": "book", "market": "btc-usdt"}',
        '{"op": "subscribe", "channel": "book", "market": "shib1000"}',
    ]


def test_it_reads_what_the_page_says() -> None:
    venue = example()
    frame = (
        '{"channel": "trades", "market": "btc-usdt", "data": ['
        '{"p": "61685.99", "q": "0.5", "s": "a", "id": 7, "t": 1723161601437},'
        '{"p": 61686, "q": 1, "s": "b", "id": 9, "t": 1723161601438}]}'
    )
    first, hole, second = venue.receive(frame, 5)
    assert first == Tick(
        "BTC/USDT",
        1_723_161_601_437_000_000,
        price=61685.99,
        size=0.5,
        side="buy",
        seq=7,
        venue="bitsy",
        clock="bitsy",
    )
    assert hole == Missing("BTC/USDT", 1_723_161_601_438_000_000, SEQUENCE)
    assert isinstance(second, Tick)
    assert (second.price, second.size, second.side, second.seq) == (61686.0, 1.0, "sell", 9)
    (quote,) = venue.receive('{"channel": "book", "market": "shib1000", "bids": [["1.5", 2]], "asks": [["1.6", 3]]}', 5)
    assert quote == Tick("1000SHIB/USDT", 5, bid=1.5, ask=1.6, bid_size=2.0, ask_size=3.0, venue="bitsy", clock="bitsy")
    assert venue.receive('{"op": "pong"}', 5) == (NonTick("pong"),)
    assert venue.receive('{"op": "subscribed"}', 5) == (Subscribed(venue.symbols()),)
    assert venue.receive('{"op": "ping"}', 5) == (Send('{"op": "pong"}'), NonTick("ping"))
    for code, fatal in ((401, True), (500, False)):
        (refused,) = venue.receive(f'{{"op": "error", "code": {code}}}', 5)
        assert isinstance(refused, Refused)
        assert refused.fatal is fatal
