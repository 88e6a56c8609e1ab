from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.feeds.ccxt_session import Session, calls
from streams.feeds.ccxt_ticks import REMEMBERED, Found, Trades, quote_tick, top_of, trade_tick
from streams.feeds.venue import Event, NonTick, Unreadable
from streams.records import Tick

NOW_NS = 5_000_000_000
T_MS = 1_700_000_000_000


def trade(number: object, at_ms: int = T_MS, **more: Any) -> dict[str, Any]:
    """A unified trade of ccxt."""
    return {"id": number, "timestamp": at_ms, "price": 5.5, "amount": 2.0, "side": "buy"} | more


def seqs(found: list[Found]) -> list[Any]:
    return [event.seq for event in found if isinstance(event, Tick)]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, {"side": "buy", "seq": 17}),
        ({"side": None, "id": "a-17"}, {}),
        ({"side": "SELL", "id": None}, {}),
        ({"id": "9" * 30}, {"side": "buy"}),
        ({"price": "5.5", "amount": "2", "id": 17}, {"side": "buy"}),
    ],
)
def test_a_trade(more: dict[str, Any], expected: dict[str, Any]) -> None:
    assert trade_tick(trade("17", **more), "A/B", "okx", NOW_NS) == Tick(
        "A/B", T_MS * 1_000_000, price=5.5, size=2.0, venue="okx", clock="okx", **expected
    )


def test_a_trade_without_time_has_that_of_the_receipt() -> None:
    tick = trade_tick(trade("1", timestamp=None), "A", "okx", NOW_NS)
    assert isinstance(tick, Tick)
    assert tick.ts_ns == NOW_NS


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"price": None}, "bad-trade"),
        ({"price": 0}, "bad-trade"),
        ({"price": float("nan")}, "bad-trade"),
        ({"price": True}, "bad-trade"),
        ({"amount": -1}, "bad-trade"),
        ({"amount": None}, "bad-trade"),
        ({"timestamp": -5}, "bad-time"),
        ({"timestamp": 10**15}, "bad-time"),
        ({"timestamp": "soon"}, "bad-time"),
    ],
)
def test_a_trade_that_is_none_is_unreadable(more: dict[str, Any], reason: str) -> None:
    found = trade_tick(trade("1", **more), "A", "okx", NOW_NS)
    assert isinstance(found, Unreadable)
    assert found.reason == reason


def test_quotes() -> None:
    whole = {"bid": 1.5, "bidVolume": None, "ask": "2.5", "askVolume": 3, "timestamp": T_MS}
    assert quote_tick(whole, "A", "okx", NOW_NS) == Tick(
        "A", T_MS * 1_000_000, bid=1.5, ask=2.5, ask_size=3.0, venue="okx", clock="okx"
    )
    assert quote_tick(whole | {"bid": None}, "A", "okx", NOW_NS) == NonTick("one-sided")
    assert quote_tick(whole | {"ask": 0}, "A", "okx", NOW_NS) == NonTick("one-sided")
    for bad, reason in (({"bid": -1}, "bad-quote"), ({"askVolume": -1}, "bad-quote"), ({"timestamp": -1}, "bad-time")):
        found = quote_tick(whole | bad, "A", "okx", NOW_NS)
        assert isinstance(found, Unreadable)
        assert found.reason == reason


def test_the_top_of_a_book() -> None:
    assert top_of({"bids": [[5, 1], [4, 9]], "asks": [], "timestamp": 7}) == {
        "bid": 5, "bidVolume": 1, "ask": None, "askVolume": None, "timestamp": 7,
    }  # fmt: skip


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("id", "timestamp", "price", "amount", "side"), anything)))
def test_whatever_ccxt_says_a_trade_is_a_good_tick_or_unreadable(said: dict[str, Any]) -> None:
    said["side"] = said.get("side") if isinstance(said.get("side"), str) else None
    found = trade_tick(said, "A", "okx", NOW_NS)
    if isinstance(found, Tick):
        assert found.price is not None
        assert found.price > 0
        assert 0 < (found.ts_ns or 0) < 2**63
    else:
        assert isinstance(found, Unreadable)


@given(
    st.lists(st.tuples(st.sampled_from(["append", "resend", "nothing"]), st.integers(1, 5), st.booleans()), max_size=20)
)
def test_every_trade_comes_out_once_and_in_order(steps: list[tuple[str, int, bool]]) -> None:
    """New ones arrive, the last ones are sent again in a new cache, sometimes newest first, sometimes nothing comes."""
    tracker = Trades("A", "okx")
    cache: list[dict[str, Any]] = []
    made = 0
    out: list[Any] = []
    for step, count, backwards in steps:
        if step == "append":
            cache += [trade(str(made + k), T_MS + made + k) for k in range(count)]
            made += count
        elif step == "resend":
            numbers = list(range(max(made - count, 0), made + 3))
            made = numbers[-1] + 1
            cache = [trade(str(number), T_MS + number) for number in (reversed(numbers) if backwards else numbers)]
        out += seqs(tracker.new(cache, NOW_NS))
    assert out == list(range(made))


def test_of_trades_without_ids_only_younger_ones_count_when_they_are_sent_again() -> None:
    tracker = Trades("A", "okx")
    first = [trade(None, T_MS), trade(None, T_MS + 1), trade(None, T_MS + 1)]
    assert len(tracker.new(first, NOW_NS)) == 3, "equal ones are two"
    again = [trade(None, T_MS + 1), trade(None, T_MS + 1), trade(None, T_MS + 2)]
    assert [event.ts_ns for event in tracker.new(again, NOW_NS) if isinstance(event, Tick)] == [(T_MS + 2) * 1_000_000]


def test_what_is_remembered_is_bounded() -> None:
    tracker = Trades("A", "okx")
    cache: list[dict[str, Any]] = []
    for number in range(3 * REMEMBERED):
        cache = [*cache[-9:], trade(str(number), T_MS + number)]
        tracker.new(cache, NOW_NS)
    assert len(tracker._ids) == REMEMBERED


def session(*methods: str) -> Session:
    made = Session("okx", {"A/B": Trades("A/B", "okx")}, methods, now_ns=lambda: NOW_NS)
    made.unified = {"A/B": "A/B"}
    made.exchange = SimpleNamespace(trades={}, bidsasks={}, tickers={}, orderbooks={})
    return made


def events(of: Session) -> list[Event]:
    of.on_message()
    received_ns, found = of.batches.popleft()
    assert received_ns == NOW_NS
    return list(found)


def test_of_best_bids_every_message_counts_of_tickers_and_books_what_changed() -> None:
    quote = {"bid": 1, "bidVolume": 2, "ask": 3, "askVolume": 4, "timestamp": T_MS}
    best = session("watchBidsAsks")
    for expected in (1, 0, 1):
        if expected:
            best.exchange.bidsasks["A/B"] = dict(quote)
        assert sum(isinstance(event, Tick) for event in events(best)) == expected
    ticker = session("watchTicker")
    for bid, expected in ((1, 1), (1, 0), (2, 1)):
        ticker.exchange.tickers["A/B"] = quote | {"bid": bid, "last": 9, "timestamp": T_MS + bid}
        assert sum(isinstance(event, Tick) for event in events(ticker)) == expected
    book = session("watchOrderBook")
    book.exchange.orderbooks["A/B"] = {"bids": [[1, 1]], "asks": [[2, 1]], "timestamp": None}
    assert len(events(book)) == 1
    book.exchange.orderbooks["A/B"]["bids"].append([0.5, 7])
    assert events(book) == [NonTick("message")]
    book.exchange.orderbooks["A/B"]["bids"][0][1] = 3
    assert events(book) == [Tick("A/B", NOW_NS, bid=1.0, ask=2.0, bid_size=3.0, ask_size=1.0, venue="okx", clock="okx")]


def test_methods_for_one_symbol_are_called_for_each() -> None:
    exchange = SimpleNamespace(
        watchTrades=lambda symbol: ("trades", symbol), watchBidsAsks=lambda symbols: ("best", symbols)
    )
    made = [call() for call in calls(exchange, ["watchTrades", "watchBidsAsks"], ["A", "B"])]
    assert made == [("trades", "A"), ("trades", "B"), ("best", ["A", "B"])]


def test_the_first_end_counts() -> None:
    made = session("watchTrades")
    made.on_lost(ConnectionError("one"))
    made.on_lost(ConnectionError("two"))
    assert str(made.lost) == "one"
    assert made.filled.is_set()
