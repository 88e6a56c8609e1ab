"""Reading Redis: which set an answer is of, what a lost connection or script costs, what was evicted."""

import asyncio
import math
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from streams.errors import ConfigError, FeatureNameError, RetryError
from tables.feature_store import RealTimeFeatureStore
from tables.features.active import FeatureActive
from tables.features.contract import FeatureWrite
from tables.features.sealed import FeatureOpener
from tables.features.source_redis import MUCH, SECONDS_AT_ONCE, RedisFeatureSource
from tables.redis_connection import make_pool
from tables.redis_transaction import RedisTransactions, command
from tables.sealing import Sealer

OLD, NEW = "aaaaaaaaaaaa", "bbbbbbbbbbbb"
T0 = 1_790_000_000
NS = 1_000_000_000


def record(symbol: str, offset: int, second: int, values: list[float]) -> FeatureWrite:
    return FeatureWrite(symbol, 3, offset, (T0 + second) * NS, f"ticks-3-{offset}", "ready", 1.0, values)


@pytest.fixture
def redis(redis_url: str) -> Any:
    return Redis.from_url(redis_url)


@pytest.fixture
async def stores(redis_url: str) -> AsyncIterator[list[RealTimeFeatureStore]]:
    """Two sets side by side: the one without a version in its keys, and another."""
    made = [
        RealTimeFeatureStore(redis_url, names=("sma_5", "only_old"), schema=OLD),
        RealTimeFeatureStore(redis_url, names=("sma_5", "only_new"), schema=NEW, beside=True),
    ]
    for store in made:
        await store.start()
    yield made
    for store in made:
        await store.stop()


@pytest.fixture
async def reader(redis_url: str) -> AsyncIterator[RealTimeFeatureStore]:
    reader = RealTimeFeatureStore(redis_url)
    yield reader
    await reader.stop()


async def put(store: RealTimeFeatureStore, *writes: FeatureWrite) -> None:
    store.put_many(writes)
    await store.flush()


async def test_a_reader_without_a_set_reads_the_active_one(
    stores: list[RealTimeFeatureStore], reader: RealTimeFeatureStore, redis_url: str
) -> None:
    for store, value in zip(stores, (1.0, 2.0), strict=True):
        await put(store, record("ES", 1, 0, [value, value]))
    client = AsyncRedis.from_url(redis_url)
    for version, value, name in ((OLD, 1.0, "only_old"), (NEW, 2.0, "only_new"), ("base", 1.0, "only_old")):
        await FeatureActive(client).promote(version)
        latest = await reader.latest("ES")
        assert latest is not None
        assert latest.values == {"sma_5": value, name: value}
        past = await reader.as_of("ES", None, (T0 + 5) * NS)
        assert past is not None
        assert past.values == latest.values
        assert (await reader.history("ES", name, T0 * NS, (T0 + 5) * NS)).pairs == [(T0, value)]
        assert (await reader.latest_many(["ES"], [name])).values.tolist() == [[value]]
    await client.aclose()


async def test_no_read_mixes_two_sets_whatever_is_promoted_meanwhile(
    stores: list[RealTimeFeatureStore], reader: RealTimeFeatureStore, redis_url: str
) -> None:
    symbols = [f"S{n}" for n in range(20)]
    for store, value in zip(stores, (1.0, 2.0), strict=True):
        await put(store, *(record(symbol, 1, 0, [value, value]) for symbol in symbols))
    client = AsyncRedis.from_url(redis_url)
    stop = asyncio.Event()
    seen: set[str] = set()

    async def read() -> None:
        while not stop.is_set():
            matrix = await reader.latest_many(symbols, ["sma_5"])
            assert set(matrix.values[:, 0]) == {1.0 if matrix.schema == OLD else 2.0}
            past = await reader.as_of("S1", None, (T0 + 5) * NS)
            assert past is not None
            assert set(past.values.values()) == {1.0 if past.schema == OLD else 2.0}
            seen.add(matrix.schema)

    readers = [asyncio.create_task(read()) for _ in range(8)]
    for round_ in range(60):
        await FeatureActive(client).promote((OLD, NEW)[round_ % 2])
        await asyncio.sleep(0.002)
    stop.set()
    await asyncio.gather(*readers)
    assert seen == {OLD, NEW}
    await client.aclose()


async def test_many_symbols_of_two_versions_are_of_the_newest_records_set(
    stores: list[RealTimeFeatureStore], reader: RealTimeFeatureStore, redis_url: str
) -> None:
    await put(stores[0], record("old", 1, 0, [1.0, 1.0]))
    other = RealTimeFeatureStore(redis_url, names=("sma_5",), schema=NEW)
    await other.start()
    await put(other, record("new", 1, 1, [2.0]))
    matrix = await reader.latest_many(["old", "new"], ["sma_5"])
    assert matrix.schema == NEW
    assert math.isnan(matrix.values[0, 0])
    assert matrix.status.tolist() == [6, 0]
    await other.stop()


async def test_a_name_of_no_set_is_refused_by_the_description(
    stores: list[RealTimeFeatureStore], reader: RealTimeFeatureStore
) -> None:
    await put(stores[0], record("ES", 1, 0, [1.0, 1.0]))
    for ask in (
        reader.latest("ES", ["vwap"]),
        reader.latest_many(["ES"], ["vwap"]),
        reader.as_of("ES", ["vwap"], (T0 + 3) * NS),
        reader.history("ES", "vwap", T0 * NS, (T0 + 3) * NS),
    ):
        with pytest.raises(FeatureNameError, match="vwap"):
            await ask


async def test_a_lost_connection_and_a_lost_script_are_replaced(
    stores: list[RealTimeFeatureStore], reader: RealTimeFeatureStore, redis: Any
) -> None:
    await put(stores[0], record("ES", 1, 0, [1.0, 1.0]))
    for _ in range(3):
        assert await reader.latest("ES") is not None
        assert await reader.as_of("ES", None, (T0 + 5) * NS) is not None
        redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        redis.script_flush()


async def test_a_server_that_is_not_there_is_said(unused_tcp_port: int) -> None:
    reader = RealTimeFeatureStore(f"redis://127.0.0.1:{unused_tcp_port}/0", timeout_s=1)
    for ask in (reader.latest("ES"), reader.as_of("ES", ["a"], NS), reader.schemas(), reader.describe(OLD)):
        with pytest.raises(RetryError, match=str(unused_tcp_port)):
            await ask


async def test_history_of_more_seconds_than_one_call_reads(
    stores: list[RealTimeFeatureStore], reader: RealTimeFeatureStore
) -> None:
    seconds = [0, SECONDS_AT_ONCE - 1, SECONDS_AT_ONCE, 2 * SECONDS_AT_ONCE + 1]
    await put(stores[0], *(record("ES", offset, second, [1.0, float(second)]) for offset, second in enumerate(seconds)))
    found = await reader.history("ES", "only_old", T0 * NS, (T0 + 3 * SECONDS_AT_ONCE) * NS)
    assert found.pairs == [(T0 + second, float(second)) for second in seconds]


async def test_what_was_evicted_is_not_guessed(
    stores: list[RealTimeFeatureStore], reader: RealTimeFeatureStore, redis: Any
) -> None:
    await put(stores[0], record("ES", 1, 0, [1.0, 2.0]), record("ES", 2, 1, [3.0, 4.0]))
    records: Any = redis.keys("feature:ES:_record:*")
    redis.delete(max(records))
    (first,) = (await reader.history("ES", "only_old", T0 * NS, (T0 + 5) * NS)).points
    assert first.value == 2.0
    found = await reader.as_of("ES", ["sma_5"], (T0 + 2) * NS)
    assert found is not None
    assert (found.second, found.values) == (T0, {"sma_5": 1.0})
    redis.delete(*records)
    assert await reader.as_of("ES", ["sma_5"], (T0 + 2) * NS) is None


async def test_a_value_whose_own_life_is_over_is_expired(redis_url: str, redis: Any) -> None:
    store = RealTimeFeatureStore(redis_url, names=("a", "b"), schema=OLD)
    await store.start()
    await put(store, record("ES", 1, 0, [1.0, 2.0]))
    keys: Any = redis.keys("feature:ES:a:*")
    redis.delete(*keys)
    found = await store.as_of("ES", None, (T0 + 2) * NS)
    assert found is not None
    assert (found.values, found.flags) == ({"a": None, "b": 2.0}, {"a": "expired"})
    await store.stop()


async def test_a_sealed_record_needs_the_key(redis_url: str, reader: RealTimeFeatureStore) -> None:
    store = RealTimeFeatureStore(redis_url, names=("a",), schema=OLD, sealer=Sealer({"k": bytes(32)}))
    await store.start()
    await put(store, record("ES", 1, 0, [1.0]))
    for ask in (reader.latest("ES"), reader.latest("ES", ["a"]), reader.as_of("ES", ["a"], (T0 + 2) * NS)):
        with pytest.raises(ConfigError, match="HAYATE_FEATURES_KEY_FILE"):
            await ask
    await store.stop()


async def test_an_error_in_place_of_a_reply_is_raised_and_the_connection_stays_in_order(redis_url: str) -> None:
    pool = make_pool(redis_url, None, 2)
    transactions = RedisTransactions(pool, 1)
    for bad in (command("HGET", "a"), command("INCR", "word"), command("NOSUCH")):
        await transactions.run([command("SET", "word", "x")])
        with pytest.raises(Exception, match=r"wrong number|not an integer|unknown command"):
            await transactions.run([command("GET", "word"), bad])
        assert await transactions.run([command("GET", "word")]) == [b"x"]
    source = RedisFeatureSource(pool, None, FeatureOpener(None))
    assert await source.symbols() == []
    await pool.disconnect()


async def test_many_names_are_read_as_few_are(redis_url: str) -> None:
    """Beyond some number of names another command asks for them; the answer is the same, nulls and absences too."""
    names = tuple(f"n{n}" for n in range(2 * MUCH))
    store = RealTimeFeatureStore(redis_url, names=names, schema=OLD)
    await store.start()
    rows = {"A": [float(n) for n in range(2 * MUCH)], "B": [math.nan if n % 3 else n / 7 for n in range(2 * MUCH)]}
    rows["C"] = rows["A"]
    await put(store, *(record(symbol, 1, 0, values) for symbol, values in rows.items()))
    symbols = ["A", "nobody", "B", "C"]
    wanted = list(reversed(names))
    many = await store.latest_many(symbols, wanted)
    parts = [await store.latest_many(symbols, wanted[first : first + 5]) for first in range(0, len(wanted), 5)]
    assert np.array_equal(many.values, np.hstack([part.values for part in parts]), equal_nan=True)
    assert np.array_equal(many.flags, np.hstack([part.flags for part in parts]))
    assert many.values[0].tolist() == list(reversed(rows["A"]))
    await store.stop()
