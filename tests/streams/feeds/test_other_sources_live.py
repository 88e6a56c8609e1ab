"""ccxt and polling under the runtime of live feeds: what is lost in between is marked, in its place."""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest
from aiohttp import web

from streams.feeds.backoff import Backoff
from streams.feeds.ccxt_feed import CcxtFeed
from streams.feeds.live import LiveFeed
from streams.feeds.poll_mapping import PollMapping
from streams.feeds.polling import PollingFeed
from streams.feeds.sink import MemorySink
from streams.feeds.venue import EventSource
from streams.marks import ClockMark, GapMark
from streams.records import Tick
from tests.streams.feeds.binance_server import binance_server, trade


class Sink(MemorySink):
    """Tells of what it takes."""

    def __init__(self) -> None:
        super().__init__(1)
        self.taken = asyncio.Condition()

    async def send_received(self, ticks: Sequence[Tick], received_ns: Sequence[int]) -> None:
        await super().send_received(ticks, received_ns)
        async with self.taken:
            self.taken.notify_all()

    async def has(self, count: int) -> None:
        async with asyncio.timeout(30), self.taken:
            await self.taken.wait_for(lambda: self.sent >= count)

    def story(self) -> list[object]:
        """Numbers of the ticks and reasons of the gap marks, in order."""
        return [
            item.seq if isinstance(item, Tick) else item.reason
            for item in self.log[0]
            if isinstance(item, Tick | GapMark) and not isinstance(item, ClockMark)
        ]


def live(source: EventSource, sink: Sink) -> LiveFeed:
    return LiveFeed(source, sink, clock_marks=False, backoff=Backoff(Random(1), first_s=0.05, longest_s=0.1))


async def test_ccxt_loses_its_connection() -> None:
    pytest.importorskip("ccxt")
    async with binance_server() as server:
        stop, sink = asyncio.Event(), Sink()
        source = CcxtFeed("binance", ["BTC/USDT"], config=server.config, quotes=False)
        running = asyncio.ensure_future(live(source, sink).run(stop))
        sent = 0
        for connection in range(5):
            await server.wait_for("btcusdt@trade")
            for number in (10 * connection, 10 * connection + 1):
                await server.send("btcusdt@trade", trade(number, 100))
            sent += 2
            await sink.has(sent)
            await server.cut("btcusdt@trade", abruptly=connection % 2 == 0)
        stop.set()
        account = await running
    assert sink.story() == [
        "start", 0, 1, "reconnect", 10, 11, "reconnect", 20, 21, "reconnect", 30, 31, "reconnect", 40, 41,
    ]  # fmt: skip
    assert "10 trades" in account


async def test_a_polled_server_has_bad_minutes() -> None:
    """A failure whose page overlaps costs nothing, one after which nothing is known is marked."""
    pages: list[list[int] | int] = [[1, 2], 503, [2, 3], 429, 500, [8, 9], [9, 10]]

    async def answer(_: web.Request) -> web.Response:
        page = pages.pop(0) if len(pages) > 1 else pages[0]
        if isinstance(page, int):
            return web.Response(status=page)
        return web.json_response([{"i": number, "p": 5, "t": 1_700_000_000 + number} for number in page])

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    mapping = PollMapping.of(
        {
            "name": "dex",
            "url": f"http://127.0.0.1:{runner.addresses[0][1]}/",
            "interval_s": 0.01,
            "items": [{"each": "", "price": "p", "seq": "i", "time": "t", "time_unit": "s", "history": True}],
        },
        "m.toml",
    )
    stop, sink = asyncio.Event(), Sink()
    feed = live(PollingFeed(mapping, ["A"]), sink)
    running = asyncio.ensure_future(feed.run(stop))
    await sink.has(6)
    stop.set()
    await running
    await runner.cleanup()
    assert sink.story() == ["start", 1, 2, 3, "page", 8, 9, 10]
    assert dict(feed.counts.lost) == {"http-503": 1, "http-429": 1, "http-500": 1}
