"""The newest signals in Redis: newest wins, lives, sealed or not, and an outage."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from redis import Redis

from streams.errors import ConfigError
from streams.records import Signal
from streams.settings import Settings
from tables.features.clear import clear_features
from tables.features.sealed import FeatureOpener
from tables.features.source_redis import RedisFeatureSource
from tables.redis_connection import make_pool
from tables.sealing import Sealer
from tables.signals.reads import MemorySignals, RedisSignalReads
from tables.signals.store import CHUNK, RedisSignals, SignalWrite

NS = 1_000_000_000
T0 = 1_790_000_000 * NS
BIG = 2**53


def signal(symbol: str, offset: int, partition: int = 0) -> SignalWrite:
    id_ = f"ticks-{partition}-{offset}"
    decision = ("buy", 0.1 + 0.2, 0.5, None, None, 10_000, "rules@1", False, None, {"a": None}, {"a": 1.0})
    fields: Any = (id_, symbol, T0, *decision, "0123456789ab")
    record = msgspec.json.encode(Signal(*fields))
    return SignalWrite(symbol, partition, offset, record)


@pytest.fixture
async def pool(redis_url: str) -> AsyncIterator[Any]:
    pool = make_pool(redis_url, None, 2)
    yield pool
    await pool.disconnect()


@pytest.fixture(params=["memory", "redis", "sealed", "beside"])
async def store(request: pytest.FixtureRequest, redis_url: str, pool: Any) -> AsyncIterator[tuple[Any, Any]]:
    """What is written into, and what reads it."""
    if request.param == "memory":
        both = MemorySignals()
        yield both, both
        return
    sealer = Sealer({"k": os.urandom(32)}) if request.param == "sealed" else None
    version = "bbbbbbbbbbbb" if request.param == "beside" else ""
    written = RedisSignals(make_pool(redis_url, None, 2), version=version, sealer=sealer)
    await written.start()
    yield written, RedisSignalReads(RedisFeatureSource(pool, version, FeatureOpener(sealer)), sealer)
    await written.stop()


async def test_newest_wins_by_the_source_offset(store: tuple[Any, Any]) -> None:
    written, reads = store
    for batch, expected in (
        ([signal("ES", 9), signal("BTC/USDT-USDT", 1)], 9),
        ([signal("ES", 10)], 10),
        ([signal("ES", 9)], 10),
        ([signal("ES", BIG)], BIG),
        ([signal("ES", BIG + 1)], BIG + 1),
        ([signal("ES", BIG)], BIG + 1),
        ([signal("ES", 3, partition=1)], 3),
    ):
        written.put_many(batch)
        await written.settle(5)
        (found,) = await reads.latest(["ES"])
        assert found.signal.id.rpartition("-")[2] == str(expected)
    found, other, none = await reads.latest(["ES", "BTC/USDT-USDT", "XX"], now_ns=T0 + 10 * NS)
    assert found.record == signal("ES", 3, partition=1).record
    assert (found.age_s, found.expired) == (10.0, False)
    assert other.signal.probability_up == 0.1 + 0.2
    assert none is None
    (late,) = await reads.latest(["ES"], now_ns=T0 + 10 * NS + 1)
    assert late.expired


async def test_keys_and_lives(redis_url: str) -> None:
    store = RedisSignals(make_pool(redis_url, None, 2), ttl_s=77)
    await store.start()
    store.put_many(signal(f"S{n}", n) for n in range(3 * CHUNK + 1))
    await store.settle(5)
    client = Redis.from_url(redis_url)
    keys: Any = client.keys("*")
    assert {key.decode() for key in keys} == {f"signal:S{n}:latest" for n in range(3 * CHUNK + 1)}
    fields: Any = client.hgetall("signal:S5:latest")
    assert fields == {b"_partition": b"0", b"_offset": b"5", b"record": signal("S5", 5).record}
    life: Any = client.ttl("signal:S5:latest")
    assert 70 < life <= 77
    assert (store.written, store.pending, store.errors) == (3 * CHUNK + 1, 0, 0)
    await store.stop()


async def test_an_outage_keeps_the_newest_of_each_symbol(unused_tcp_port: int, redis_url: str) -> None:
    store = RedisSignals(make_pool(f"redis://127.0.0.1:{unused_tcp_port}/0", None, 1))
    await store.start()
    store.put_many([signal("ES", 1)])
    await store.settle(5)
    assert store.outage is not None
    for offset in range(2, 500):
        store.put_many([signal("ES", offset), signal("NQ", offset)])
    assert store.pending == 2
    # The server comes back; here at another address.
    store._pool, store._connection = make_pool(redis_url, None, 2), None
    while store.outage is not None:  # noqa: ASYNC110 - a state, not an event
        await asyncio.sleep(0.01)
    client = Redis.from_url(redis_url)
    found: Any = client.hget("signal:ES:latest", "_offset")
    assert found == b"499"
    assert store.pending == 0
    await store.stop()


async def test_a_sealed_signal_needs_the_key_and_one_in_clear_counts_as_none(redis_url: str, pool: Any) -> None:
    sealer = Sealer({"k": bytes(32)})
    sealed = RedisSignals(make_pool(redis_url, None, 2), sealer=sealer)
    clear = RedisSignals(make_pool(redis_url, None, 2))
    for store, symbol in ((sealed, "ES"), (clear, "NQ")):
        await store.start()
        store.put_many([signal(symbol, 1)])
        await store.stop()
    source = RedisFeatureSource(pool, "", FeatureOpener(None))
    with pytest.raises(ConfigError, match="HAYATE_FEATURES_KEY_FILE"):
        await RedisSignalReads(source).latest(["ES"])
    assert await RedisSignalReads(source, sealer).latest(["NQ"]) == [None]


async def test_a_set_is_removed_with_its_own_signals(redis_url: str) -> None:
    client: Any = Redis.from_url(redis_url)
    for version in ("", "bbbbbbbbbbbb"):
        store = RedisSignals(make_pool(redis_url, None, 2), version=version)
        await store.start()
        store.put_many([signal("ES", 1), signal("BTC/USDT", 1)])
        await store.stop()
    assert len(client.keys("signal:*")) == 4
    assert await clear_features(Settings(redis_url=redis_url)) == 2
    assert {key.count(b":") for key in client.keys("signal:*")} == {3}
