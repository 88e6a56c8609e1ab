"""A process that may not write holds its flush: nothing reaches Redis, nothing is lost."""

import asyncio
from typing import Any

import pytest
from redis import Redis

from streams.errors import RetryError
from streams.feature_set import FeatureSet
from streams.settings import Settings
from tables.feature_store import RealTimeFeatureStore
from tables.features.contract import PastWrite
from tables.features.setup import budget_for, client_for, healer_for, latest_ttl_s, store_for
from tests.tables.features.log import MemoryLog
from tests.tables.test_feature_store import NAMES, SCHEMA, record


class Guard:
    """Says when this process may write."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.asked = 0

    async def __call__(self) -> None:
        self.asked += 1
        await self.open.wait()


async def test_nothing_is_written_before_it_may_be(redis_url: str) -> None:
    guard = Guard()
    store = RealTimeFeatureStore(redis_url, names=NAMES, schema=SCHEMA, trusted=guard)
    await store.start()
    store.put_many([record("ES", 1, 0, [1.0, 2.0, 3.0])])
    with pytest.raises(RetryError, match="1 feature records are not stored"):
        await store.flush(0.2)
    filling = asyncio.create_task(store.filler.fill([PastWrite(record("NQ", 1, 0, [1.0, 2.0, 3.0]), 0)]))
    with Redis.from_url(redis_url) as redis:
        assert redis.keys("feature:*") == []
        assert guard.asked >= 1
        guard.open.set()
        await store.flush()
        assert await filling == 1
        assert len(redis.keys("feature:*:latest")) == 2
    # Asked before every chunk, not once.
    guard.open.clear()
    store.put_many([record("ES", 2, 0, [4.0, 2.0, 3.0])])
    with pytest.raises(RetryError):
        await store.flush(0.1)
    guard.open.set()
    await store.stop()


MINE = 'name = "mine"\nindicators = ["sma_5", "rsi_14"]\nhistory = ["sma_5"]\n[ttl]\nlatest = 77\nhistory = 44\n'


async def test_a_store_is_made_as_settings_and_feature_set_say(redis_url: str, tmp_path: Any) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(MINE)
    settings = Settings(redis_url=redis_url, feature_set=str(file), store_symbols=5, store_ticks_per_s=9.0)
    feature_set = FeatureSet.load(settings.feature_set)
    store = store_for(settings, feature_set)
    await store.start()
    store.put_many([record("ES", 1, 0, [1.0, 2.0])])
    await store.flush()
    async with client_for(settings) as client:
        assert 40 < await client.ttl("feature:ES:sma_5:20260921141320") <= 44
        assert 70 < await client.ttl("feature:ES:latest") <= 77
        assert not await client.exists("feature:ES:rsi_14:20260921141320")
    await store.stop()
    healer = healer_for(settings, feature_set, store.filler, MemoryLog())
    assert (healer.topic, healer.ttl_s, healer.latest_ttl_s) == ("features", 44, 77)
    budget = budget_for(settings, feature_set)
    assert (budget.values, budget.ttls, budget.symbols, budget.ticks_per_s) == (2, {"sma_5": 44}, 5, 9.0)
    assert latest_ttl_s(settings, FeatureSet.load("classics")) == 86_400
