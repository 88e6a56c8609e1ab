"""An HTTP interface over Redis or over the twins in memory, with something to read."""

import asyncio
import math
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from agents.api.access import Keys
from agents.api.context import Context
from agents.api.hub import Hub
from agents.api.observed import ApiMetrics
from agents.api.server import assembled
from agents.api.service import serve
from streams.records import Signal
from streams.settings import Settings
from tables.feature_store import RealTimeFeatureStore
from tables.features.answers import LatestFeatures
from tables.features.contract import FeatureWrite
from tables.features.schema import Meaning
from tables.features.store_memory import MemoryFeatureStore
from tables.reading_setup import Reading
from tables.redis_connection import make_pool
from tables.signals.reads import LatestSignal, MemorySignals
from tables.signals.store import RedisSignals, SignalWrite

NAMES = ("sma_5", "rsi_14@1m.live", "mid")
SCHEMA = "0123456789ab"
MEANING = Meaning("test", {"sma_5": "trend"}, {"sma_5": "price"}, {"sma_5": 60.0})
KEY = "sesame-open-sesame"
NS = 1_000_000_000
T0 = 1_790_000_000
NOW_NS = (T0 + 5) * NS
HEADERS = {"X-API-Key": KEY}


class MemoryChanges:
    """The twin of FeatureChanges: `tell` is what Redis would say."""

    def __init__(self, features: MemoryFeatureStore, signals: MemorySignals) -> None:
        self._features = features
        self._signals = signals
        self._told: asyncio.Queue[set[str] | None] = asyncio.Queue()
        self.opened = 0

    async def open(self) -> None:
        self.opened += 1

    async def read(
        self, symbols: list[str], *, signals: bool
    ) -> tuple[list[LatestFeatures | None], list[LatestSignal | None]]:
        return await self._features.latest_records(symbols), await self._signals.latest(symbols) if signals else []

    async def changed(self) -> set[str] | None:
        return await self._told.get()

    def judged_again(self, features: LatestFeatures) -> LatestFeatures:
        return self._features.judged_again(features)

    def tell(self, *symbols: str) -> None:
        self._told.put_nowait(set(symbols))

    async def close(self) -> None:
        return


@dataclass
class World:
    """An interface, and what writes what it reads."""

    api: FastAPI
    context: Context
    store: Any
    signals: Any
    changes: Any

    async def put(self, *writes: FeatureWrite) -> None:
        """Store features, and have it told."""
        self.store.put_many(writes)
        await self.store.flush()
        self._tell(write.symbol for write in writes)

    async def signal(self, *writes: SignalWrite) -> None:
        """Store signals, and have it told."""
        self.signals.put_many(writes)
        await self.signals.settle(5)
        self._tell(write.symbol for write in writes)

    def _tell(self, symbols: Iterable[str]) -> None:
        if isinstance(self.changes, MemoryChanges):
            self.changes.tell(*symbols)

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
        """A client without a socket."""
        transport = httpx.ASGITransport(self.api, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=HEADERS, **options) as client:
            yield client

    @asynccontextmanager
    async def served(self) -> AsyncIterator[int]:
        """The port of a real server."""
        stop = asyncio.Event()
        with _listening() as port:
            pass
        serving = asyncio.create_task(serve(self.api, "127.0.0.1", port, stop))
        try:
            async with httpx.AsyncClient() as client:
                while not serving.done():
                    try:
                        await client.get(f"http://127.0.0.1:{port}/healthz")
                        break
                    except httpx.ConnectError:
                        await asyncio.sleep(0.01)
            yield port
        finally:
            stop.set()
            await serving


def _listening() -> Any:
    import socket  # noqa: PLC0415
    from contextlib import contextmanager  # noqa: PLC0415

    @contextmanager
    def free() -> Any:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            yield bound.getsockname()[1]

    return free()


def keys_file(folder: Path, *lines: str) -> Path:
    """A file of keys, `reader` with KEY among them."""
    path = folder / "keys"
    path.write_text("\n".join([f"reader {KEY}", *lines]) + "\n", encoding="utf-8")
    return path


@asynccontextmanager
async def world(
    folder: Path, redis_url: str | None, now_ns: int | None = NOW_NS, **options: Any
) -> AsyncIterator[World]:
    """Over Redis, or in memory without an address."""
    path = keys_file(folder)
    registry = CollectorRegistry()
    # None: the clock of the day.
    clock: dict[str, Any] = {} if now_ns is None else {"now_ns": lambda: now_ns}
    common: dict[str, Any] = {"names": NAMES, "schema": SCHEMA, "history": ("sma_5", "mid"), "meaning": MEANING}
    if redis_url is None:
        store = MemoryFeatureStore(**common, **clock)
        signals = MemorySignals(**clock)
        changes = MemoryChanges(store, signals)
        context = Context(store, signals, Hub(changes, **options), ApiMetrics(registry))
        yield World(assembled(context, Keys(path)), context, store, signals, changes)
        await context.hub.close()
        return
    written = RealTimeFeatureStore(redis_url, **common)
    sent = RedisSignals(make_pool(redis_url, None, 2))
    await written.start()
    await sent.start()
    reading = Reading(Settings(redis_url=redis_url), **clock)
    context = Context(reading.features, reading.signals, Hub(reading.changes, **options), ApiMetrics(registry))
    try:
        yield World(assembled(context, Keys(path)), context, written, sent, reading.changes)
    finally:
        await context.hub.close()
        await reading.close()
        await written.stop()
        await sent.stop()


def record(
    symbol: str, offset: int, second: float, values: list[float], flags: bytes = b"", **other: Any
) -> FeatureWrite:
    """A record `second` seconds after T0."""
    fields: dict[str, Any] = {"partition": 0, "id": f"ticks-0-{offset}", "status": "ready", "price": 1.5} | other
    return FeatureWrite(
        symbol=symbol, offset=offset, ts_ns=T0 * NS + round(second * NS), values=values, flags=flags, **fields
    )


def signal(symbol: str, offset: int) -> SignalWrite:
    """A signal at T0."""
    decision = ("buy", 0.1 + 0.2, 0.5, None, None, 10_000, "rules@1", False, None, {"a": None}, {"a": 1.0})
    fields: Any = (f"ticks-0-{offset}", symbol, T0 * NS, *decision, SCHEMA)
    encoded = msgspec.json.encode(Signal(*fields))
    return SignalWrite(symbol, 0, offset, encoded)


async def fill(filled: World) -> None:
    """ES is ready, BTC/USDT has a null, NQ is gapped; all have a signal."""
    await filled.put(
        record("ES", 1, 0, [0.1, 0.2, 0.3]),
        record("ES", 2, 1, [0.1 + 0.2, 5e-324, -1.7976931348623157e308]),
        record("BTC/USDT", 3, 2, [1.0, math.nan, 3.0], b'{"rsi_14@1m.live":"warming"}', status="warming"),
        record("NQ", 4, 2, [1.0, 2.0, 3.0], b'{"sma_5":"gapped"}', status="gapped"),
    )
    await filled.signal(signal("ES", 2), signal("BTC/USDT", 3))
