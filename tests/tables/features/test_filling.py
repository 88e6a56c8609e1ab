"""Records of the log in any order, beside those of the stream: Redis and the twin in memory end up with the same."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from streams.errors import RetryError
from tables.feature_store import RealTimeFeatureStore
from tables.features.contract import FeatureStore, FeatureWrite, PastWrite
from tables.features.store_memory import MemoryFeatureStore
from tests.tables.test_feature_store import NAMES, NAN, NS, SCHEMA, T0, record

Make = Callable[..., Any]


@pytest.fixture(params=["memory", "redis", "beside"])
def make(request: pytest.FixtureRequest) -> Make:
    if request.param == "memory":
        return partial(MemoryFeatureStore, names=NAMES, schema=SCHEMA)
    url = request.getfixturevalue("redis_url")
    return partial(RealTimeFeatureStore, url, names=NAMES, schema=SCHEMA, beside=request.param == "beside")


@pytest.fixture
async def store(make: Make) -> AsyncIterator[Any]:
    store = make()
    await store.start()
    yield store
    await store.stop()


@pytest.fixture
def redis(redis_url: str) -> Any:
    with Redis.from_url(redis_url) as client:
        yield client


async def seconds(store: Any, symbol: str, name: str = "sma_5") -> dict[int, float]:
    """Values by second after T0."""
    return {second - T0: value for second, value in (await store.history(symbol, name, T0 * NS, (T0 + 60) * NS)).pairs}


async def newest(store: Any, symbol: str) -> str | None:
    latest = await store.latest(symbol)
    return None if latest is None else latest.id


async def test_what_was_lost_comes_back_and_goes_behind_nothing(store: Any) -> None:
    log = [record("ES", n, n // 2, [float(n), NAN, NAN]) for n in range(8)]
    store.put_many([log[6]])
    await store.flush()
    # Backwards, as a filling reads it; of each second the last comes last here.
    for write in (log[2], log[3], log[5], log[4], log[7], log[1], log[0]):
        await store.filler.fill([PastWrite(write, 1)])
    assert await newest(store, "ES") == "ticks-3-7"
    assert await seconds(store, "ES") == {0: 1.0, 1: 3.0, 2: 5.0, 3: 7.0}


async def test_the_null_of_a_newer_record_stays(store: Any) -> None:
    store.put_many([record("ES", 5, 0, [NAN, 2.0, NAN])])
    await store.flush()
    assert await store.filler.fill([PastWrite(record("ES", 4, 0, [1.0, 1.0, 1.0]), 0)]) == 0
    assert await seconds(store, "ES") == {}
    assert await seconds(store, "ES", "rsi_14") == {0: 2.0}


async def test_what_the_stream_puts_later_is_newer_than_what_was_filled(store: Any) -> None:
    await store.filler.fill([PastWrite(record("ES", n, n, [float(n), NAN, NAN]), 3) for n in range(3)])
    store.put_many([record("ES", 3, 2, [33.0, NAN, NAN])])
    await store.flush()
    assert await newest(store, "ES") == "ticks-3-3"
    assert await seconds(store, "ES") == {0: 0.0, 1: 1.0, 2: 33.0}


async def test_of_two_partitions_the_later_event_is_newer(store: Any) -> None:
    store.put_many([record("ES", 5, 10, [5.0, NAN, NAN], partition=4)])
    await store.flush()
    await store.filler.fill([PastWrite(record("ES", 900, 9, [1.0, NAN, NAN], partition=3), 0)])
    assert await newest(store, "ES") == "ticks-3-5"
    await store.filler.fill([PastWrite(record("ES", 901, 11, [2.0, NAN, NAN], partition=3), 0)])
    assert await newest(store, "ES") == "ticks-3-901"


async def test_a_watermark_moves_only_from_where_it_was_left(store: Any) -> None:
    filler = store.filler
    assert await filler.watermark(3) is None
    assert not await filler.advance(3, 5, 9)
    assert await filler.advance(3, None, 9)
    assert (await filler.watermark(3), await filler.watermark(4)) == (9, None)
    assert not await filler.advance(3, None, 10)
    assert await filler.advance(3, 9, 2**53 + 1)
    assert await filler.watermark(3) == 2**53 + 1


async def test_in_memory_what_is_filled_has_what_is_left_of_its_life() -> None:
    now = 1_000.0
    store = MemoryFeatureStore(
        names=NAMES, schema=SCHEMA, ttl_s=10, ttls={"rsi_14": 30}, latest_ttl_s=100, clock=lambda: now
    )
    assert await store.filler.fill([PastWrite(record("ES", 1, 0, [1.0, 2.0, NAN]), 20)]) == 1
    assert (await seconds(store, "ES"), await seconds(store, "ES", "rsi_14")) == ({}, {0: 2.0})
    now += 10
    assert await seconds(store, "ES", "rsi_14") == {}
    assert await newest(store, "ES") == "ticks-3-1"
    now += 70
    assert await newest(store, "ES") is None
    assert await store.filler.fill([PastWrite(record("ES", 1, 0, [1.0, 2.0, NAN]), 100)]) == 0


async def test_lives_are_those_of_each_output_and_what_is_left_of_them(redis_url: str, redis: Any) -> None:
    """As Redis reports them."""
    store = RealTimeFeatureStore(
        redis_url, names=NAMES, schema=SCHEMA, history=NAMES[:2], ttls={"rsi_14": 900}, latest_ttl_s=5_000
    )
    await store.start()
    store.put_many([record("live", 1, 0, [1.0, 2.0, 3.0])])
    await store.flush()
    await store.filler.fill(
        [PastWrite(record("past", 1, 0, [1.0, 2.0, 3.0]), 100), PastWrite(record("gone", 1, 0, [1.0, 2.0, 3.0]), 300)]
    )
    await store.stop()
    second = b"20260921141320"

    def life(symbol: str, name: str) -> int:
        left: int = redis.ttl(f"feature:{symbol}:{name}:".encode() + second)
        return left

    for symbol, past in (("live", 0), ("past", 100)):
        for name, whole in (("sma_5", 300), ("rsi_14", 900), ("_record", 900)):
            assert whole - past - 5 < life(symbol, name) <= whole - past
        assert 5_000 - past - 5 < redis.ttl(f"feature:{symbol}:latest") <= 5_000 - past
        assert abs(redis.zscore("features:symbols", symbol) - redis.expiretime(f"feature:{symbol}:latest")) <= 1
    assert (life("gone", "sma_5"), life("live", "bb_upper_10_1.5")) == (-2, -2)
    assert 595 < life("gone", "rsi_14") <= 600


async def test_filling_mends_what_was_evicted(redis_url: str, redis: Any) -> None:
    store = RealTimeFeatureStore(redis_url, names=NAMES, schema=SCHEMA)
    await store.start()
    write = record("ES", 1, 0, [1.0, 2.0, 3.0])
    store.put_many([write])
    await store.flush()
    redis.delete("feature:ES:sma_5:20260921141320")
    redis.hdel("feature:ES:latest", "sma_5")
    await store.filler.fill([PastWrite(write, 0)])
    assert await seconds(store, "ES") == {0: 1.0}
    latest = await store.latest("ES")
    assert latest is not None
    assert latest.values["sma_5"] == 1.0
    await store.stop()


async def test_functions_and_description_come_back_with_the_first_record(redis_url: str, redis: Any) -> None:
    """Without the writer, as after `rebuild` on a server that lost everything."""
    redis.flushall()
    redis.function_flush()
    store = RealTimeFeatureStore(redis_url, names=NAMES, schema=SCHEMA)
    assert await store.filler.fill([PastWrite(record("ES", 1, 0, [1.0, 2.0, 3.0]), 0)]) == 1
    assert redis.exists(f"features:schema:{SCHEMA}", "feature:ES:latest") == 2
    await store.stop()


async def test_calls_may_come_side_by_side(redis_url: str, redis: Any) -> None:
    """As partitions are filled, and their checkpoints move watermarks; one that is cancelled spoils no other."""
    store = RealTimeFeatureStore(redis_url, names=NAMES, schema=SCHEMA)

    async def one(partition: int) -> None:
        before = None
        for offset in range(1, 40):
            assert await store.filler.fill([PastWrite(record(f"S{partition}", offset, offset, [1.0] * 3), 0)]) == 1
            assert await store.filler.advance(partition, before, offset)
            before = offset

    async with asyncio.timeout(30):
        calls = [asyncio.create_task(one(partition)) for partition in range(8)]
        while not redis.exists("features:watermark:7"):  # noqa: ASYNC110 - Redis sends no word of it
            await asyncio.sleep(0)
        calls[7].cancel()
        await asyncio.wait(calls)
    assert [call.exception() for call in calls[:7]] == [None] * 7
    assert [await store.filler.watermark(partition) for partition in range(7)] == [39] * 7
    assert await newest(store, "S0") == "ticks-3-39"
    await store.stop()


async def test_a_watermark_that_is_none_is_taken_for_lost(redis_url: str, redis: Any) -> None:
    store = RealTimeFeatureStore(redis_url, names=NAMES, schema=SCHEMA)
    redis.set("features:watermark:0", "nonsense")
    assert await store.filler.watermark(0) is None
    assert await store.filler.advance(0, None, 5)
    await store.stop()


async def test_a_store_that_is_away_is_named() -> None:
    store = RealTimeFeatureStore("redis://127.0.0.1:1/0", names=NAMES, schema=SCHEMA)
    with pytest.raises(RetryError, match=r"^Redis at 127\.0\.0\.1:1/0"):
        await store.filler.fill([PastWrite(record("ES", 1, 0, [1.0, 2.0, 3.0]), 0)])
    with pytest.raises(RetryError, match=r"^Redis at 127\.0\.0\.1:1/0"):
        await store.filler.watermark(0)
    await store.stop()


LOG = 24


def logged(symbol: str, offset: int) -> FeatureWrite:
    """The record at `offset` of one fixed log: seconds repeat, and come late."""
    second = (offset * 5 // 7) % 6 + offset // 8
    value = NAN if offset % 5 == 0 else float(offset)
    return record(symbol, offset, second, [value, float(-offset), NAN])


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["put", "fill", "flush"]), st.sampled_from("AB"), st.integers(0, LOG - 1)),
        max_size=40,
    )
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_order_ends_with_what_the_log_says(make: Make, redis_or_none: Any, steps: list[Any]) -> None:
    """After whatever was put and filled, filling all of the log gives its newest of each second."""
    if redis_or_none is not None:
        redis_or_none.flushdb()
    store: FeatureStore = make()
    await store.start()
    high = dict.fromkeys("AB", -1)
    for what, symbol, offset in steps:
        before = {s: await newest(store, s) for s in "AB"}
        if what == "put":
            store.put_many([logged(symbol, offset)])
            await store.flush()
            high[symbol] = max(high[symbol], offset)
        elif what == "fill":
            await store.filler.fill([PastWrite(logged(symbol, offset), offset % 3)])
            high[symbol] = max(high[symbol], offset)
        for each, id_ in before.items():
            assert number(await newest(store, each)) >= number(id_), "newest never goes backwards"
            assert number(await newest(store, each)) == high[each]
    for symbol in "AB":
        await store.filler.fill([PastWrite(logged(symbol, offset), 1) for offset in reversed(range(LOG))])
        expected = {}
        for offset in range(LOG):
            write = logged(symbol, offset)
            expected[write.ts_ns // NS - T0] = write.values[0]
        assert await seconds(store, symbol) == {s: v for s, v in expected.items() if not math.isnan(v)}
        assert number(await newest(store, symbol)) == LOG - 1
    await store.stop()


@pytest.fixture
def redis_or_none(make: Make, request: pytest.FixtureRequest) -> Any:
    """A client of the store's server, None for the twin."""
    return None if isinstance(make(), MemoryFeatureStore) else request.getfixturevalue("redis")


def number(id_: str | None) -> int:
    return -1 if id_ is None else int(id_.rpartition("-")[2])
