"""A local server that speaks as much of Binance's spot API as ccxt asks for, frames written after its documentation."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web

MARKETS = {"BTCUSDT": ("BTC", "USDT"), "ETHUSDT": ("ETH", "USDT")}
START_MS = 1_723_161_600_000


class BinanceServer:
    """REST and WebSocket on one port; a test says what is sent to whoever subscribed to a stream."""

    def __init__(self) -> None:
        self.port = 0
        self.sockets: dict[web.WebSocketResponse, set[str]] = {}
        self.subscribed = asyncio.Condition()
        self.connections = 0
        self.rest: list[str] = []
        self.refuse: tuple[int, dict[str, Any]] | None = None
        """Status and body of every REST answer, instead of the right one."""

    @property
    def config(self) -> dict[str, Any]:
        """What turns ccxt's exchange towards this server."""
        return {
            "urls": {
                "api": {
                    "public": f"http://127.0.0.1:{self.port}/api/v3",
                    "ws": {"spot": f"ws://127.0.0.1:{self.port}/ws"},
                }
            },
            "options": {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False},
        }

    async def market_info(self, request: web.Request) -> web.Response:
        self.rest.append(request.path)
        if self.refuse is not None:
            return web.json_response(self.refuse[1], status=self.refuse[0])
        symbols = [
            {
                "symbol": name, "status": "TRADING", "baseAsset": base, "baseAssetPrecision": 8, "quoteAsset": quote,
                "quotePrecision": 8, "quoteAssetPrecision": 8, "orderTypes": ["LIMIT", "MARKET"],
                "isSpotTradingAllowed": True, "isMarginTradingAllowed": False, "permissions": [],
                "permissionSets": [["SPOT"]],
                "filters": [
                    {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
                    {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
                ],
            }
            for name, (base, quote) in MARKETS.items()
        ]  # fmt: skip
        return web.json_response({"timezone": "UTC", "serverTime": START_MS, "rateLimits": [], "symbols": symbols})

    async def stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        self.connections += 1
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            asked = json.loads(message.data)
            async with self.subscribed:
                await socket.send_json({"result": None, "id": asked["id"]})
                self.sockets.setdefault(socket, set()).update(asked["params"])
                self.subscribed.notify_all()
        self.sockets.pop(socket, None)
        return socket

    async def wait_for(self, *streams: str) -> None:
        """Until somebody listens to all of these."""
        async with asyncio.timeout(20), self.subscribed:
            await self.subscribed.wait_for(lambda: set(streams) <= set().union(*self.sockets.values()))

    async def send(self, stream: str, frame: dict[str, Any] | str) -> None:
        """Send a frame to whoever listens to the stream."""
        text = frame if isinstance(frame, str) else json.dumps(frame)
        for socket, streams in list(self.sockets.items()):
            if stream in streams:
                await socket.send_str(text)

    async def cut(self, stream: str, *, abruptly: bool = False) -> None:
        """End the connections that listen to the stream, without a closing handshake if `abruptly`."""
        for socket, streams in list(self.sockets.items()):
            if stream in streams:
                self.sockets.pop(socket)
                if abruptly:
                    assert socket._req is not None
                    assert socket._req.transport is not None
                    socket._req.transport.abort()
                else:
                    await socket.close(code=1001, message=b"going away")


def trade(number: int, price: float, *, symbol: str = "BTCUSDT", maker_bought: bool = False) -> dict[str, Any]:
    """A frame of `<symbol>@trade`."""
    at_ms = START_MS + number
    return {
        "e": "trade", "E": at_ms + 1, "s": symbol, "t": number, "p": f"{price:.8f}", "q": "0.01000000", "T": at_ms,
        "m": maker_bought, "M": True,
    }  # fmt: skip


def quote(update: int, bid: float, ask: float, *, symbol: str = "BTCUSDT") -> dict[str, Any]:
    """A frame of `<symbol>@bookTicker`."""
    return {"u": update, "s": symbol, "b": f"{bid:.8f}", "B": "2.50000000", "a": f"{ask:.8f}", "A": "1.50000000"}


@asynccontextmanager
async def binance_server() -> AsyncIterator[BinanceServer]:
    """A running server on a port of its own."""
    server = BinanceServer()
    app = web.Application()
    app.router.add_get("/api/v3/exchangeInfo", server.market_info)
    app.router.add_get("/ws/{stream}", server.stream)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()
