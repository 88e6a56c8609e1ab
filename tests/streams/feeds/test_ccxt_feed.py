"""Real code of ccxt against a local server that speaks Binance."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import pytest
from pydantic import SecretStr

from streams.errors import ConfigError, FatalError
from streams.feeds.ccxt_feed import CcxtFeed
from streams.feeds.connection import ConnectionLostError
from streams.feeds.credentials import Credentials
from streams.feeds.venue import Event, NonTick, Unreadable
from streams.records import Tick
from tests.streams.feeds.binance_server import START_MS, BinanceServer, binance_server, quote, trade

pytest.importorskip("ccxt")

NOW_NS = 1_723_161_700_000_000_000
COUNT = 20_000
BTC_TRADES, BTC_QUOTES, ETH_TRADES = "btcusdt@trade", "btcusdt@bookTicker", "ethusdt@trade"


@pytest.fixture
async def server() -> AsyncIterator[BinanceServer]:
    async with binance_server() as running:
        yield running


def feed(server: BinanceServer, *symbols: str, **options: Any) -> CcxtFeed:
    return CcxtFeed("binance", symbols or ("BTC/USDT",), config=server.config, now_ns=lambda: NOW_NS, **options)


class Reader:
    """Takes what a feed yields, in the background as the runtime does, one connection."""

    def __init__(self, source: CcxtFeed) -> None:
        self.events: list[Event] = []
        self.came = asyncio.Condition()
        self.task = asyncio.create_task(self._read(source))

    async def _read(self, source: CcxtFeed) -> None:
        async with aclosing(source.connect()) as stream:
            async for received_ns, events in stream:
                assert received_ns == NOW_NS
                async with self.came:
                    self.events += events
                    self.came.notify_all()

    @property
    def ticks(self) -> list[Tick]:
        return [event for event in self.events if isinstance(event, Tick)]

    async def wait_for(self, count: int, kind: type[Any] = Tick) -> Sequence[Any]:
        async with asyncio.timeout(20), self.came:
            await self.came.wait_for(lambda: sum(isinstance(event, kind) for event in self.events) >= count)
        return [event for event in self.events if isinstance(event, kind)]

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.wait((self.task,))


async def test_trades_and_quotes_of_two_symbols_become_ticks(server: BinanceServer) -> None:
    reader = Reader(feed(server, "BTC/USDT", "ETH/USDT"))
    await server.wait_for(BTC_TRADES, ETH_TRADES, BTC_QUOTES)
    await server.send(BTC_TRADES, trade(101, 61_000.5))
    await server.send(ETH_TRADES, trade(7, 2_600.25, symbol="ETHUSDT", maker_bought=True))
    await server.send(BTC_QUOTES, quote(5, 61_000.0, 61_001.0))
    await reader.wait_for(3)
    await reader.stop()
    assert {(tick.symbol, tick.price): tick for tick in reader.ticks} == {
        ("BTC/USDT", 61_000.5): Tick(
            "BTC/USDT", (START_MS + 101) * 1_000_000, price=61_000.5, size=0.01, side="buy", seq=101, venue="binance",
            clock="binance",
        ),
        ("ETH/USDT", 2_600.25): Tick(
            "ETH/USDT", (START_MS + 7) * 1_000_000, price=2_600.25, size=0.01, side="sell", seq=7, venue="binance",
            clock="binance",
        ),
        ("BTC/USDT", None): Tick(
            "BTC/USDT", NOW_NS, bid=61_000.0, ask=61_001.0, bid_size=2.5, ask_size=1.5, venue="binance",
            clock="binance",
        ),
    }  # fmt: skip


async def test_a_burst_loses_nothing_although_ccxt_gives_the_last_state_only(server: BinanceServer) -> None:
    """5,000 trades of two symbols in turn and 2,000 quotes: each once, those of a symbol in order."""
    reader = Reader(feed(server, "BTC/USDT", "ETH/USDT"))
    await server.wait_for(BTC_TRADES, ETH_TRADES, BTC_QUOTES)
    for number in range(2_500):
        await server.send(BTC_TRADES, trade(number, 61_000 + number))
        await server.send(ETH_TRADES, trade(number, 2_600 + number, symbol="ETHUSDT"))
        if number < 2_000:
            await server.send(BTC_QUOTES, quote(number, 61_000 + number, 61_001 + number))
    await reader.wait_for(7_000)
    await reader.stop()
    of_btc = [tick.seq for tick in reader.ticks if tick.price is not None and tick.symbol == "BTC/USDT"]
    of_eth = [tick.seq for tick in reader.ticks if tick.price is not None and tick.symbol == "ETH/USDT"]
    assert of_btc == of_eth == list(range(2_500))
    assert [tick.bid for tick in reader.ticks if tick.price is None] == [61_000.0 + n for n in range(2_000)]


@pytest.mark.parametrize("abruptly", [False, True])
async def test_a_connection_that_ends_is_told_and_a_new_one_goes_on_without_repeating(
    server: BinanceServer, abruptly: bool
) -> None:
    source = feed(server, quotes=False)
    first = Reader(source)
    await server.wait_for(BTC_TRADES)
    for number in (1, 2, 3):
        await server.send(BTC_TRADES, trade(number, 100))
    await first.wait_for(3)
    await server.cut(BTC_TRADES, abruptly=abruptly)
    async with asyncio.timeout(20):
        with pytest.raises(ConnectionLostError):
            await first.task
    second = Reader(source)
    await server.wait_for(BTC_TRADES)
    for number in (2, 3, 6):  # as exchanges do that send their last trades to every subscriber
        await server.send(BTC_TRADES, trade(number, 100))
    await second.wait_for(1)
    await second.stop()
    assert [tick.seq for tick in first.ticks + second.ticks] == [1, 2, 3, 6]
    assert len(server.rest) == 1, "the markets are asked for once"


async def test_a_frame_that_ccxt_cannot_read_is_counted_and_the_next_one_is_read(server: BinanceServer) -> None:
    reader = Reader(feed(server, quotes=False))
    await server.wait_for(BTC_TRADES)
    await server.send(BTC_TRADES, '{"e":"trade","s":')
    await server.send(BTC_TRADES, {**trade(1, 5), "T": {"no": "time"}, "p": "nothing"})
    await server.send(BTC_TRADES, trade(2, 100))
    await reader.wait_for(1)
    await reader.stop()
    assert [tick.seq for tick in reader.ticks] == [2]
    assert {event.reason for event in reader.events if isinstance(event, Unreadable)} <= {"ccxt", "bad-trade"}
    assert len([event for event in reader.events if isinstance(event, Unreadable)]) == 2
    assert NonTick("message") in reader.events


async def test_nothing_is_read_while_nobody_takes(server: BinanceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.feeds.ccxt_session.ROOM", 10)
    source = feed(server, quotes=False)
    stream = source.connect()
    taking = asyncio.ensure_future(anext(stream))
    await server.wait_for(BTC_TRADES)
    await asyncio.wait_for(taking, 20)

    async def send() -> None:
        for number in range(COUNT):
            await server.send(BTC_TRADES, trade(number, 100))

    sending = asyncio.ensure_future(send())
    inside: Any = stream
    waiting = inside.ag_frame.f_locals["session"].batches
    async with asyncio.timeout(20):
        while len(waiting) < 10:  # noqa: ASYNC110 - a queue that nobody is to wake us for
            await asyncio.sleep(0.01)
    await asyncio.sleep(1)
    assert len(waiting) < 20, "what is not taken waits on the wire"
    seen: list[int | str | None] = []
    async with asyncio.timeout(60):
        while len(seen) < COUNT:
            _, events = await anext(stream)
            seen += [event.seq for event in events if isinstance(event, Tick)]
    await sending
    await stream.aclose()
    assert seen == list(range(COUNT))


async def test_an_unknown_symbol_is_refused_with_those_near(server: BinanceServer) -> None:
    with pytest.raises(ConfigError, match=r"symbol='BTC/USDX' is no market there; perhaps BTC/USDT"):
        await anext(feed(server, "BTC/USDX").connect())


async def test_an_exchange_that_is_away_is_tried_again(server: BinanceServer) -> None:
    server.refuse = (503, {"msg": "down"})
    with pytest.raises(ConnectionLostError, match="binance: ") as lost:
        await anext(feed(server).connect())
    assert lost.value.reason in ("unreachable", "maintenance")


async def test_a_refused_key_is_fatal_and_never_shown(server: BinanceServer) -> None:
    server.refuse = (401, {"code": -2015, "msg": "Invalid API-key hunter2, IP, or permissions for action."})
    credentials = Credentials(SecretStr("hunter2"), SecretStr("opensesame"))
    with pytest.raises(FatalError, match="HAYATE_FEED_KEY") as refused:
        await anext(feed(server, credentials=credentials).connect())
    assert "hunter2" not in str(refused.value)
    assert "***" in str(refused.value)


@pytest.mark.parametrize(
    ("exchange", "symbols", "options", "named"),
    [
        ("nowhere", ("BTC/USDT",), {}, "no such WebSocket exchange"),
        ("binance", (), {}, "no symbols"),
        ("binance", ("BTC USDT",), {}, "symbol='BTC USDT'"),
        ("binance", ("BTC/USDT",), {"quotes": False, "trades": False}, "neither quotes nor trades"),
        ("bitfinex2x", ("BTC/USDT",), {}, "no such WebSocket exchange"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    exchange: str, symbols: tuple[str, ...], options: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        CcxtFeed(exchange, symbols, **options)


def test_without_ccxt_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ccxt.pro", None)
    with pytest.raises(ConfigError, match="pip install 'ccxt"):
        CcxtFeed("binance", ("BTC/USDT",))
