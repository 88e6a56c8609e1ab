"""Redis tells what has changed since it was read: writes, an emptied server, another active set, a lost connection."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from redis import Redis

from streams.errors import RetryError
from tables.feature_store import RealTimeFeatureStore
from tables.features.changes import FeatureChanges
from tables.features.contract import FeatureWrite
from tables.features.sealed import FeatureOpener
from tables.redis_connection import make_pool

NS = 1_000_000_000
LONG = 10.0


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RealTimeFeatureStore]:
    store = RealTimeFeatureStore(redis_url, names=("a",), schema="aaaaaaaaaaaa")
    await store.start()
    yield store
    await store.stop()


@pytest.fixture
async def changes(redis_url: str) -> AsyncIterator[FeatureChanges]:
    changes = FeatureChanges(partial(make_pool, redis_url, None, 2), None, FeatureOpener(None))
    await changes.open()
    yield changes
    await changes.close()


async def put(store: RealTimeFeatureStore, symbol: str, offset: int) -> None:
    store.put_many([FeatureWrite(symbol, 0, offset, offset * NS, f"t-0-{offset}", "ready", 1.0, [float(offset)])])
    await store.flush()


async def changed(changes: FeatureChanges) -> set[str] | None:
    return await asyncio.wait_for(changes.changed(), LONG)


async def test_what_was_read_is_watched_once(store: RealTimeFeatureStore, changes: FeatureChanges) -> None:
    (none, other), signals = await changes.read(["BTC/USDT", "ES"], signals=True)
    assert (none, other, signals) == (None, None, [None, None])
    for offset in range(1, 4):
        await put(store, "unwatched", offset)
        await put(store, "BTC/USDT", offset)
        assert await changed(changes) == {"BTC/USDT"}
        (found,), _ = await changes.read(["BTC/USDT"], signals=False)
        assert found is not None
        assert found.values == {"a": float(offset)}


async def test_many_changes_between_two_reads_are_told_once(
    store: RealTimeFeatureStore, changes: FeatureChanges
) -> None:
    await changes.read(["ES"], signals=False)
    for offset in range(1, 30):
        await put(store, "ES", offset)
    assert await changed(changes) == {"ES"}
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(changes.changed(), 0.2)


async def test_an_emptied_server_and_another_active_set_are_changes_of_all(
    store: RealTimeFeatureStore, changes: FeatureChanges, redis_url: str
) -> None:
    await put(store, "ES", 1)
    await changes.read(["ES"], signals=False)
    client = Redis.from_url(redis_url)
    client.set("features:active", "bbbbbbbbbbbb")
    assert await changed(changes) is None
    (found,), _ = await changes.read(["ES"], signals=False)
    assert found is None, "nothing of that set is there"
    client.flushdb()
    assert await changed(changes) is None


async def test_either_connection_lost_is_said(
    store: RealTimeFeatureStore, changes: FeatureChanges, redis_url: str
) -> None:
    await put(store, "ES", 1)
    await changes.read(["ES"], signals=False)
    for kind in ("pubsub", "normal"):
        client: Any = Redis.from_url(redis_url)
        client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
        with pytest.raises(RetryError):
            await asyncio.wait_for(asyncio.gather(changes.changed(), changes.read(["ES"], signals=False)), LONG)
        await changes.open()
        (found,), _ = await changes.read(["ES"], signals=False)
        assert found is not None
