"""What Redis itself reports: key bytes, types, lives, fields; and what a flush costs it."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis import Redis

from tables.feature_store import RealTimeFeatureStore
from tables.features.library import load_library
from tests.tables.test_feature_store import NAMES, NAN, NS, SCHEMA, T0, record

SECOND = b"20260921141320"
"""T0 in UTC."""


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RealTimeFeatureStore]:
    store = RealTimeFeatureStore(redis_url, names=NAMES, schema=SCHEMA, ttl_s=300, latest_ttl_s=86_400)
    await store.start()
    yield store
    await store.stop()


@pytest.fixture
def redis(redis_url: str) -> Any:
    """A plain client, as any other program would use; untyped, for redis-py's types cover its asyncio twin too."""
    with Redis.from_url(redis_url) as client:
        yield client


async def test_keys_are_byte_for_byte_those_of_the_design(store: RealTimeFeatureStore, redis: Any) -> None:
    store.put_many([record("BTC/USDT-USDT", 2**53 + 1, 0, [0.1 + 0.2, NAN, -1e22], flags=b'{"rsi_14":"undefined"}')])
    await store.flush()
    assert set(redis.keys("*")) == {
        b"feature:BTC/USDT-USDT:sma_5:" + SECOND,
        b"feature:BTC/USDT-USDT:bb_upper_10_1.5:" + SECOND,
        b"feature:BTC/USDT-USDT:_record:" + SECOND,
        b"feature:BTC/USDT-USDT:latest",
        b"features:symbols",
        b"features:schema:" + SCHEMA.encode(),
        b"features:schemas",
    }
    assert redis.smembers("features:schemas") == {SCHEMA.encode()}
    assert redis.get(b"feature:BTC/USDT-USDT:sma_5:" + SECOND) == b"0.30000000000000004"
    assert redis.get(b"feature:BTC/USDT-USDT:_record:" + SECOND) == (
        b'{"_partition":3,"_offset":9007199254740993,"ts_ns":%d,"schema":"%b","status":"ready",'
        b'"id":"ticks-3-9007199254740993","price":100.5,"flags":{"rsi_14":"undefined"}}'
        % (T0 * NS + 123_456_789, SCHEMA.encode())
    )
    assert redis.hgetall("feature:BTC/USDT-USDT:latest") == {
        b"ts_ns": str(T0 * NS + 123_456_789).encode(),
        b"schema": SCHEMA.encode(),
        b"status": b"ready",
        b"id": b"ticks-3-9007199254740993",
        b"price": b"100.5",
        b"flags": b'{"rsi_14":"undefined"}',
        b"_partition": b"3",
        b"_offset": b"9007199254740993",
        b"sma_5": b"0.30000000000000004",
        b"bb_upper_10_1.5": b"-1e22",
    }
    assert json.loads(redis.get(f"features:schema:{SCHEMA}")) == {
        "schema": SCHEMA,
        "outputs": list(NAMES),
        "name": "",
        "groups": {},
        "units": {},
        "limits": {},
        "history": list(NAMES),
        "history_ttl_s": dict.fromkeys(NAMES, 300),
        "latest_ttl_s": 86_400,
    }


async def test_types_and_lives(store: RealTimeFeatureStore, redis: Any) -> None:
    store.put_many([record("ES", 1, 0, [1.0, 2.0, 3.0])])
    await store.flush()
    value = b"feature:ES:sma_5:" + SECOND
    assert (redis.type(value), redis.type("feature:ES:latest")) == (b"string", b"hash")
    assert (redis.type("features:symbols"), redis.type(f"features:schema:{SCHEMA}")) == (b"zset", b"string")
    assert 295 < redis.ttl(value) <= 300
    assert 86_395 < redis.ttl("feature:ES:latest") <= 86_400
    assert 86_395 < redis.ttl("features:symbols") <= 86_400
    assert 295 < redis.ttl(b"feature:ES:_record:" + SECOND) <= 300
    assert redis.ttl(f"features:schema:{SCHEMA}") == -1
    # A symbol is scored by the second in which its latest hash expires.
    assert abs(redis.zscore("features:symbols", "ES") - redis.execute_command("EXPIRETIME", "feature:ES:latest")) <= 1


async def test_a_write_renews_the_lives_it_touches(store: RealTimeFeatureStore, redis: Any) -> None:
    store.put_many([record("ES", 1, 0, [1.0, 2.0, 3.0])])
    await store.flush()
    value = b"feature:ES:sma_5:" + SECOND
    redis.expire(value, 10)
    redis.expire("feature:ES:latest", 10)
    store.put_many([record("ES", 1, 0, [9.0, 9.0, 9.0])])
    await store.flush()
    assert max(redis.ttl(value), redis.ttl("feature:ES:latest")) <= 10, "an equal offset changes nothing"
    store.put_many([record("ES", 2, 0, [9.0, 9.0, 9.0])])
    await store.flush()
    assert min(redis.ttl(value), redis.ttl("feature:ES:latest")) > 10


async def test_fields_are_absent_rather_than_empty(store: RealTimeFeatureStore, redis: Any) -> None:
    store.put_many([record("ES", 1, 0, [1.0, 1.0, 1.0], flags=b'{"rsi_14":"stale"}')])
    await store.flush()
    store.put_many([record("ES", 2, 0, [NAN, NAN, NAN], price=None, flags=b"{}")])
    await store.flush()
    assert set(redis.hkeys("feature:ES:latest")) == {b"ts_ns", b"schema", b"status", b"id", b"_partition", b"_offset"}
    assert redis.keys("feature:ES:*:" + SECOND.decode()) == [b"feature:ES:_record:" + SECOND]


async def test_expired_symbols_are_not_listed(store: RealTimeFeatureStore, redis: Any) -> None:
    store.put_many([record("ES", 1, 0, [1.0, 1.0, 1.0]), record("NQ", 1, 0, [1.0, 1.0, 1.0])])
    await store.flush()
    redis.zadd("features:symbols", {"NQ": redis.time()[0]})
    assert await store.symbols() == ["ES"]


async def test_another_set_takes_the_place_of_the_whole_hash(
    store: RealTimeFeatureStore, redis_url: str, redis: Any
) -> None:
    store.put_many([record("ES", 1, 0, [1.0, 2.0, 3.0])])
    await store.flush()
    other = RealTimeFeatureStore(redis_url, names=("sma_5", "vwap"), schema="ba9876543210")
    await other.start()
    other.put_many([record("ES", 2, 0, [7.0, NAN])])
    await other.flush()
    assert b"rsi_14" not in redis.hkeys("feature:ES:latest")
    for reader, expected in (
        (other, {"sma_5": 7.0, "vwap": None}),
        # Readers of another set, or of none, know it by its description.
        (store, {"sma_5": 7.0, "vwap": None}),
        (RealTimeFeatureStore(redis_url), {"sma_5": 7.0, "vwap": None}),
    ):
        latest = await reader.latest("ES")
        assert latest is not None
        assert (latest.schema, latest.values) == ("ba9876543210", expected)
        await reader.stop()


async def test_a_reader_needs_no_start_and_no_names(store: RealTimeFeatureStore, redis_url: str) -> None:
    store.put_many([record("ES", 1, 0, [1.0, 2.0, NAN])])
    await store.flush()
    reader = RealTimeFeatureStore(redis_url)
    latest = await reader.latest("ES", ["sma_5"])
    assert latest is not None
    assert latest.values == {"sma_5": 1.0}
    assert (await reader.history("ES", "rsi_14", T0 * NS, (T0 + 2_500) * NS)).pairs == [(T0, 2.0)]
    assert await reader.symbols() == ["ES"]
    await reader.stop()


async def test_what_gathers_is_one_call_a_symbol_and_second(store: RealTimeFeatureStore, redis: Any) -> None:
    function = load_library()[1]
    before = redis.info("commandstats").get("cmdstat_fcall", {"calls": 0})["calls"]
    for n in range(1_000):
        store.put_many([record(f"S{n % 10}", n, n // 500, [float(n), NAN, NAN])])
    assert store.pending == 20
    await store.flush()
    assert redis.info("commandstats")["cmdstat_fcall"]["calls"] - before == 20
    assert store.written == 20
    loaded = {name.decode() for library in redis.function_list() for name in _function_names(library)}
    assert function in loaded


def _function_names(library: list[Any]) -> list[bytes]:
    fields = dict(zip(library[::2], library[1::2], strict=True))
    return [function[1] for function in fields[b"functions"]]


async def test_more_than_one_chunk(store: RealTimeFeatureStore) -> None:
    store.put_many([record(f"S{n}", n, 0, [float(n), NAN, NAN]) for n in range(200)])
    await store.flush()
    assert (store.written, store.pending) == (200, 0)
    latest = await store.latest("S199")
    assert latest is not None
    assert latest.values["sma_5"] == 199.0


async def test_no_reader_sees_half_a_record(store: RealTimeFeatureStore, redis_url: str) -> None:
    reader = RealTimeFeatureStore(redis_url, names=NAMES, schema=SCHEMA)
    store.put_many([record("ES", 0, 0, [0.0, 0.0, 0.0], price=0.0)])
    await store.flush()
    seen = set()

    async def read() -> None:
        for _ in range(200):
            latest = await reader.latest("ES")
            assert latest is not None
            number = float(latest.id.rpartition("-")[2])
            assert {*latest.values.values(), latest.price} == {number}
            seen.add(number)

    async def write() -> None:
        for n in range(1, 300):
            store.put_many([record("ES", n, n % 7, [float(n)] * 3, price=float(n))])
            await store.flush()

    await asyncio.gather(read(), write())
    assert len(seen) > 1
    await reader.stop()


async def test_two_writers_agree_on_the_newest(redis_url: str) -> None:
    stores = [RealTimeFeatureStore(redis_url, names=NAMES, schema=SCHEMA) for _ in range(2)]
    await asyncio.gather(*(store.start() for store in stores))

    async def write(store: RealTimeFeatureStore, first: int) -> None:
        for n in range(first, 100, 2):
            store.put_many([record("ES", n, 0, [float(n)] * 3)])
            await store.flush()

    await asyncio.gather(*(write(store, first) for first, store in enumerate(stores)))
    latest = await stores[0].latest("ES")
    assert latest is not None
    assert latest.values["sma_5"] == 99.0
    assert sum(store.written + store.ignored for store in stores) == 100
    await asyncio.gather(*(store.stop() for store in stores))


async def test_a_live_store_writes_without_being_asked_to_flush(store: RealTimeFeatureStore) -> None:
    stored = asyncio.Event()
    store.put_many([record("ES", 1, 0, [1.0, 1.0, 1.0])], stored.set)
    async with asyncio.timeout(10):
        await stored.wait()
    assert await store.latest("ES") is not None


async def test_a_callback_that_fails_stops_nothing(
    store: RealTimeFeatureStore, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[int] = []
    store.put_many([record("ES", 1, 0, [1.0, 1.0, 1.0])], lambda: calls.append(1 // 0))
    store.put_many([], lambda: calls.append(2))
    await store.flush()
    assert calls == [2]
    assert "a callback of the feature store failed" in caplog.text


async def test_a_key_of_another_type_costs_its_own_records_only(
    store: RealTimeFeatureStore, redis: Any, caplog: pytest.LogCaptureFixture
) -> None:
    redis.set("feature:ES:latest", "not a hash")
    for n in range(3):
        store.put_many([record(symbol, n, 0, [1.0, 1.0, 1.0]) for symbol in ("ES", "NQ")])
        await store.flush()
    assert (store.written, store.dropped, store.errors, store.pending) == (3, 3, 3, 0)
    assert store.up
    refusals = [line for line in caplog.messages if "cannot be stored" in line]
    assert len(refusals) == 1
    assert "ticks-3-0 of ES" in refusals[0]
    assert "WRONGTYPE" in refusals[0]


async def test_a_record_that_cannot_be_packed_is_dropped_by_name(
    store: RealTimeFeatureStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.put_many([record("ES", 1, 0, [object()] * 3), record("NQ", 1, 0, [1.0, 1.0, 1.0])])  # type: ignore[list-item] # what the test is about
    await store.flush()
    assert (store.written, store.dropped) == (1, 1)
    assert "ticks-3-1 of ES cannot be stored" in caplog.text
