"""Boards written after the documentation of kabu STATION's API."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import ConfigError
from streams.feeds.venue import NonTick, Unreadable
from streams.records import Tick
from tests.streams.feeds.venues.adapters import RECEIVED_NS, adapter, kind, one, received, tick

TEN_NS = 1_743_642_000_000_000_000
"""2025-04-03 10:00:00 in Tokyo."""


def board(**fields: object) -> dict[str, Any]:
    return {
        "Symbol": "7203",
        "Exchange": 1,
        "CurrentPrice": 2500.0,
        "CurrentPriceTime": "2025-04-03T10:00:00+09:00",
        "CurrentPriceStatus": 1,
        "OpeningPriceTime": "2025-04-03T09:00:00+09:00",
        "TradingVolume": 10_000.0,
        "TradingVolumeTime": "2025-04-03T10:00:00+09:00",
        "BidQty": 300.0,
        "BidPrice": 2500.5,
        "BidTime": "2025-04-03T10:00:00+09:00",
        "BidSign": "0101",
        "Sell1": {"Price": 2500.5, "Qty": 300.0},
        "AskQty": 700.0,
        "AskPrice": 2499.5,
        "AskTime": "2025-04-03T09:59:58+09:00",
        "AskSign": "0101",
        "Buy1": {"Price": 2499.5, "Qty": 700.0},
    } | fields


def traded(*boards: dict[str, Any]) -> list[tuple[float | None, float]]:
    """Return price and size of the trades that come of some boards."""
    venue = adapter("kabu")
    events = [event for message in boards for event in received(venue, message)]
    return [(event.price, event.size) for event in events if isinstance(event, Tick) and event.price is not None]


def test_the_first_push_is_a_quote_the_right_way_round() -> None:
    """`BidPrice` is what somebody sells at; the time is the newer one of the two."""
    assert tick(adapter("kabu"), board()) == Tick(
        symbol="7203",
        ts_ns=TEN_NS,
        bid=2499.5,
        ask=2500.5,
        bid_size=700.0,
        ask_size=300.0,
        venue="kabu",
        clock="kabu",
    )


def test_what_the_volume_grew_by_is_one_trade_and_goes_before_the_quote() -> None:
    venue = adapter("kabu")
    tick(venue, board())
    later = "2025-04-03T10:00:03+09:00"
    trade, quote = received(
        venue, board(CurrentPrice=2500.5, TradingVolume=10_400.0, TradingVolumeTime=later, BidQty=100.0, BidTime=later)
    )
    assert trade == Tick(
        symbol="7203",
        ts_ns=TEN_NS + 3_000_000_000,
        price=2500.5,
        size=400.0,
        venue="kabu",
        clock="kabu",
    )
    assert isinstance(quote, Tick)
    assert (quote.price, quote.ask_size, quote.ts_ns) == (None, 100.0, TEN_NS + 3_000_000_000)


def test_a_push_that_changes_neither_is_depth() -> None:
    venue = adapter("kabu")
    tick(venue, board())
    assert kind(venue, board(Buy2={"Price": 2499.0, "Qty": 1.0})) == "depth"
    assert isinstance(one(venue, board(AskQty=600.0)), Tick)
    assert isinstance(one(venue, board(AskQty=600.0, AskSign="0102")), Tick), "an ordinary quote became special"


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=20), st.integers(0, 10_000_000))
def test_sizes_add_up_to_what_the_volume_grew_by(steps: list[int], start: int) -> None:
    volumes = [float(start + sum(steps[:count])) for count in range(len(steps) + 1)]
    sizes = [size for _, size in traded(*(board(TradingVolume=volume) for volume in volumes))]
    assert sizes == [float(step) for step in steps if step]


def test_a_volume_that_falls_starts_anew() -> None:
    assert traded(*(board(TradingVolume=volume) for volume in (500.0, 100.0, 150.0))) == [(2500.0, 50.0)]


def test_a_new_day_starts_anew() -> None:
    tomorrow = {"TradingVolumeTime": "2025-04-04T09:00:00+09:00", "OpeningPriceTime": "2025-04-04T09:00:00+09:00"}
    boards = (board(), board(TradingVolume=50_000.0, **tomorrow), board(TradingVolume=50_100.0, **tomorrow))
    assert traded(*boards) == [(2500.0, 100.0)]


def test_a_new_connection_starts_anew() -> None:
    venue = adapter("kabu")
    tick(venue, board())
    venue.open()
    assert tick(venue, board(TradingVolume=99_000.0)).price is None


def test_an_opening_seen_from_before_it_is_a_trade() -> None:
    """The volume was not there yet, and now is as old as the opening price."""
    none = dict.fromkeys(
        ("CurrentPrice", "CurrentPriceTime", "CurrentPriceStatus", "TradingVolume", "TradingVolumeTime")
    )
    before = board(**none, OpeningPriceTime=None, AskSign="0107", BidSign="0107")
    nine = "2025-04-03T09:00:00+09:00"
    opening = board(TradingVolume=80_000.0, TradingVolumeTime=nine, OpeningPriceTime=nine, CurrentPriceStatus=3)
    assert traded(before, before, opening, board(TradingVolume=80_100.0)) == [(2500.0, 80_000.0), (2500.0, 100.0)]
    assert traded(before, board(), board(TradingVolume=10_100.0)) == [(2500.0, 100.0)], "it opened an hour ago"


def test_a_volume_that_is_null_for_once_is_not_forgotten() -> None:
    assert traded(board(), board(TradingVolume=None), board(TradingVolume=10_500.0)) == [(2500.0, 500.0)]


@pytest.mark.parametrize(
    ("status", "condition"),
    [(1, ()), (3, ("itayose",)), (8, ("close",)), (23, ("itayose-trade",)), (99, ("status-99",))],
)
def test_the_status_of_a_price_is_a_condition_of_the_trade(status: int, condition: tuple[str, ...]) -> None:
    venue = adapter("kabu")
    tick(venue, board())
    got = tick(venue, board(TradingVolume=10_100.0, CurrentPriceStatus=status))
    assert got.conditions == condition


@pytest.mark.parametrize(
    ("ask_sign", "bid_sign", "conditions"),
    [
        ("0101", "0101", ()),
        ("0000", None, ()),
        ("0102", "0101", ("special-quote",)),
        ("0102", "0102", ("special-quote",)),
        ("0118", "0103", ("caution-quote", "sequential-quote")),
        ("0116", "0117", ("pre-open-match", "pre-open-apart")),
        ("0999", "0101", ("sign-0999",)),
    ],
)
def test_signs_are_conditions_of_the_quote(ask_sign: str, bid_sign: str | None, conditions: tuple[str, ...]) -> None:
    got = tick(adapter("kabu"), board(BidSign=ask_sign, AskSign=bid_sign))
    assert got.conditions == conditions


def test_every_condition_fits_a_tick() -> None:
    for status in range(40):
        venue = adapter("kabu")
        tick(venue, board())
        got = tick(venue, board(TradingVolume=10_100.0, CurrentPriceStatus=status))
        assert all(0 < len(condition) <= 16 for condition in got.conditions)
    for sign in range(200):
        got = tick(adapter("kabu"), board(BidSign=f"{sign:04d}"))
        assert all(0 < len(condition) <= 16 for condition in got.conditions)


@pytest.mark.parametrize("side", ["AskPrice", "BidPrice"])
@pytest.mark.parametrize("empty", [None, 0.0])
def test_an_empty_side_is_no_quote(side: str, empty: float | None) -> None:
    assert kind(adapter("kabu"), board(**{side: empty})) == "one-sided-quote"


def test_a_future_has_no_times_of_quotes() -> None:
    got = tick(adapter("kabu"), board(BidTime=None, AskTime=None))
    assert got.ts_ns == RECEIVED_NS


def test_one_kind_alone() -> None:
    quotes = adapter("kabu", trades=False)
    tick(quotes, board())
    assert kind(quotes, board(TradingVolume=10_100.0)) == "depth"
    trades = adapter("kabu", quotes=False)
    assert kind(trades, board()) == "depth"
    assert tick(trades, board(TradingVolume=10_100.0, AskQty=1.0)).size == 100.0


def test_codes_and_exchanges() -> None:
    assert adapter("kabu", "7203", "8306@1", "167060018@2").symbols() == ("7203", "8306", "167060018")
    with pytest.raises(ConfigError, match="'7203' at exchanges 1 and 3"):
        adapter("kabu", "7203", "7203@3")
    with pytest.raises(ConfigError, match="51 symbols, kabu STATION pushes 50 at most"):
        adapter("kabu", *(str(code) for code in range(1301, 1352)))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (board(Symbol="9984"), "unknown-symbol"),
        (board(Symbol=None), "invalid"),
        (board(BidPrice="2500.5"), "invalid"),
        (board(BidTime="10:00"), "invalid"),
        (board(BidPrice=-1.0), "bad-value"),
        ("[]", "invalid"),
        ("{", "bad-json"),
    ],
)
def test_what_cannot_be_read_is_told(message: object, reason: str) -> None:
    event = one(adapter("kabu"), message)
    assert isinstance(event, Unreadable)
    assert event.reason == reason


def test_other_fields_are_not_looked_at() -> None:
    assert received(adapter("kabu"), board(SecurityType="new", Sell1=7)) != [NonTick("depth")]
