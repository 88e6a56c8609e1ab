"""Whatever a venue sends: nothing is raised, and what comes out is of the protocol and fits the record."""

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.feeds.venue import Event, Unreadable, Venue
from streams.feeds.venues import NATIVE
from streams.records import Tick
from tests.streams.feeds.venues.adapters import adapter

EVENTS = get_args(Event)
NAMES = sorted(NATIVE)

# Keys and words that mean something to some venue, so that arbitrary JSON gets past the first look.
KEYS = st.sampled_from(
    [
        *"eEstpqTmMXuabBAxicSzkrcn", "stream", "data", "result", "id", "error", "code", "msg", "lastUpdateId", "type",
        "product_id", "trade_id", "last_trade_id", "price", "size", "side", "time", "best_bid", "best_ask", "channels",
        "name", "product_ids", "channel", "method", "success", "symbol", "qty", "timestamp", "bid", "ask", "bid_qty",
        "ask_qty", "event", "status", "pair", "channelName", "errorMessage", "bp", "bs", "ap", "as", "trades", "quotes",
        "ev", "sym", "message", "Symbol", "CurrentPrice", "TradingVolume", "TradingVolumeTime", "BidPrice", "AskPrice",
        "BidTime", "BidSign", "CurrentPriceStatus", "OpeningPriceTime",
    ]
)  # fmt: skip
WORDS = st.sampled_from(
    [
        "btcusdt@trade", "btcusdt@bookTicker", "btcusdt@aggTrade", "btcusd_perp@trade", "BTCUSDT", "BTCUSD_PERP",
        "BTC-USD", "BTC/USD", "XBT/USD", "AAPL", "7203", "match", "last_match", "ticker", "heartbeat", "subscriptions",
        "error", "trade", "spread", "book-10", "snapshot", "update", "subscribe", "subscriptionStatus", "buy", "sell",
        "b", "s", "t", "q", "c", "success", "subscription", "authenticated", "T", "Q", "status", "auth_success",
        "2024-08-08T23:54:15.342Z", "2025-04-03T10:00:00+09:00", "1534614057.321597", "1.5", "0", "-1", "nan", "0102",
    ]
)  # fmt: skip
SCALARS = (
    WORDS
    | st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.sampled_from([0, 1, 1672515782136, 1672515782136789012])
    | st.floats()
    | st.text(max_size=8)
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=9), max_leaves=25
)
ODD = st.sampled_from(
    [
        "[" * 100_000, '{"a":' * 50_000, "\ud800", '"\ud800"', "9" * 5_000, "1e999", '{"a":1e999}', "\x00", "null",
        b"\xff\xfe", b"\x00", "[]", "{}", '""', " ", "[[]]", '[null,null,null,null]', '{"stream":null,"data":null}',
        "-", "NaN",
        '{"stream":"btcusdt@trade","data":' + "[" * 5_000,
    ]
)  # fmt: skip


def check(venue: Venue, frame: str | bytes) -> None:
    events = venue.receive(frame, 1_723_161_300_000_000_000)
    assert len(events) >= 1, "every frame is counted"
    for event in events:
        assert isinstance(event, EVENTS), event
        if isinstance(event, Tick):
            assert event.venue == event.clock == venue.name
            assert event.ts_ns is not None
            assert event.symbol in venue.symbols()
            assert msgspec.json.decode(msgspec.json.encode(event), type=Tick) == event, "the record can hold it"
        if isinstance(event, Unreadable):
            assert event.reason in ("bad-json", "invalid", "bad-value", "unknown-kind", "unknown-symbol")


@pytest.mark.parametrize("name", NAMES)
@given(frame=st.binary(max_size=60) | st.text(max_size=60) | ODD)
@settings(max_examples=150, deadline=None)
def test_arbitrary_frames(name: str, frame: str | bytes) -> None:
    check(adapter(name), frame)


@pytest.mark.parametrize("name", NAMES)
@given(frames=st.lists(JSON, max_size=4))
@settings(max_examples=150, deadline=None)
def test_arbitrary_json_in_a_row(name: str, frames: list[Any]) -> None:
    """Several frames, for the adapters remember; and a reconnect in between."""
    venue = adapter(name)
    for frame in frames:
        check(venue, msgspec.json.encode(frame) if _encodes(frame) else repr(frame))
        venue.open()


def _encodes(value: Any) -> bool:
    try:
        msgspec.json.encode(value)
    except (OverflowError, UnicodeEncodeError):
        return False
    return True
