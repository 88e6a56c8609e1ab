"""The memory that features will need, worked out, compared with the server's, and refused where it cannot fit."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis as AsyncRedis

from streams.errors import ConfigError
from tables.feature_store import RealTimeFeatureStore
from tables.features.budget import FRAGMENTS, KEY_BYTES, RECORD_BYTES, SYMBOL_BYTES, VALUE_BYTES, Budget
from tables.features.keys import FeatureKeys
from tables.features.usage import Usage
from tests.tables.features.test_store_outage import Server, started
from tests.tables.test_feature_store import NAMES, SCHEMA, record

KEYS = FeatureKeys()


def budget(**other: Any) -> Budget:
    return Budget(KEYS, **{"values": 10, "ttls": {"a": 300, "b": 100}, **other})


def test_the_arithmetic() -> None:
    one = SYMBOL_BYTES + 10 * VALUE_BYTES
    second = 400 * KEY_BYTES + 300 * RECORD_BYTES
    assert budget().needed(100) == int(FRAGMENTS * (100 * one + 100 * second))
    assert budget(ticks_per_s=30).needed(100) == int(FRAGMENTS * (100 * one + 30 * second))
    assert budget(ticks_per_s=5_000).needed(100) == budget().needed(100), "a symbol writes one second a second"
    assert budget(ttls={}).needed(100) == int(FRAGMENTS * 100 * one)
    sentence = budget(ticks_per_s=30).sentence(100)
    assert "100 symbols x 2,200 bytes (latest, 10 values) + 30 symbol-seconds a second x 206,000 bytes" in sentence
    assert "history of 2 outputs for 100-300 s" in sentence
    assert "for no time" in budget(ttls={}).sentence(1)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.kill()


async def test_what_cannot_fit_is_refused_with_the_arithmetic(server: Server) -> None:
    server.start("--maxmemory", "32mb")
    store = RealTimeFeatureStore(server.url, names=NAMES, schema=SCHEMA, budget=budget(symbols=10_000, ticks_per_s=900))
    with pytest.raises(ConfigError) as caught:
        await store.start()
    await store.stop()
    said = str(caught.value)
    for part in ("maxmemory 33.6 MB", budget(symbols=10_000, ticks_per_s=900).sentence(10_000), "raise maxmemory"):
        assert part in said
    assert "HAYATE_STORE_SYMBOLS=10000, HAYATE_STORE_TICKS_PER_S=900" in said
    with server.client() as client:
        client.config_set("maxmemory", "1gb")
    async with started(server.url, budget=budget(symbols=100)) as fitting:
        assert fitting.up


async def test_symbols_that_redis_knows_count_where_none_are_named(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server.start("--maxmemory", "64mb")
    with server.client() as client:
        client.zadd("features:symbols", {f"S{n}": 2e9 for n in range(5_000)})
        async with started(server.url, budget=budget(ttls={})):
            assert "5000 symbols x 2,200 bytes" in caplog.text
        async with started(server.url, budget=budget()):
            assert "they will need more" in caplog.records[-1].getMessage()
            assert "those that Redis has, with a tick in every second" in caplog.text
        store = RealTimeFeatureStore(server.url, names=NAMES, schema=SCHEMA, budget=budget(ticks_per_s=4_000.0))
        with pytest.raises(ConfigError, match="those that Redis has, HAYATE_STORE_TICKS_PER_S=4000"):
            await store.start()
        await store.stop()
        client.flushall()
    caplog.clear()
    async with started(server.url, budget=budget()):
        assert "HAYATE_STORE_SYMBOLS says how many there will be" in caplog.text


async def test_what_loses_features_in_silence_is_warned_of(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    server.start("--maxmemory-policy", "volatile-ttl")
    async with started(server.url, budget=budget()):
        assert "no maxmemory: it grows until the system ends it" in caplog.text
        assert "maxmemory-policy volatile-ttl evicts features" in caplog.text
    caplog.clear()
    server.kill()
    server.start("--maxmemory", "64mb")
    async with started(server.url, budget=budget()) as store:
        assert [entry for entry in caplog.records if entry.levelno >= logging.WARNING] == []
        usage = await store.usage()
        assert (usage.max_bytes, usage.policy, usage.keys) == (64 * 1024 * 1024, "noeviction", 2)
        assert 0 < usage.own_bytes <= usage.used_bytes < usage.max_bytes


def test_room_is_what_the_server_does_not_need_itself() -> None:
    assert Usage(0, 0, 5, 0, "noeviction").room() is None
    assert Usage(0, 100, 5, 0, "noeviction").room() == 95
    assert Usage(0, 3, 5, 0, "noeviction").room() == 0


@pytest.mark.parametrize("values", [3, 60])
async def test_the_estimate_is_not_below_what_this_server_takes(server: Server, values: int) -> None:
    """Nor so far above that it refuses what would fit twice over: with what Redis 7 takes more than Valkey, thrice."""
    server.start("--maxmemory", "1gb")
    names = [f"output_{n}" for n in range(values)]
    kept = names[:14]
    symbols, seconds = 20, 60
    async with AsyncRedis.from_url(server.url) as client:
        store = RealTimeFeatureStore(server.url, names=names, schema=SCHEMA, history=kept, ttl_s=seconds)
        await store.start()
        before = (await client.info("memory"))["used_memory"]
        for second in range(seconds):
            row = [100.0 + second / 7 + n / 3 for n in range(values)]
            store.put_many([record(f"SYM{n:03}", second, second, row, flags=b"{}") for n in range(symbols)])
        await store.flush()
        used = (await client.info("memory"))["used_memory"] - before
        await store.stop()
    estimate = Budget(KEYS, values=values, ttls=dict.fromkeys(kept, seconds)).needed(symbols)
    assert used < estimate < 3 * used
