"""What a comparison of Redis with the topic finds: everything that was changed, and nothing else."""

import random
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis import Redis

from tables.feature_store import RealTimeFeatureStore
from tables.features import healing, verify
from tables.features.contract import PastWrite
from tables.features.past import PastDecoder
from tables.features.sealed import FeatureOpener
from tables.features.source_redis import RedisFeatureSource
from tables.features.verify import Verified, Verifier
from tables.redis_connection import make_pool
from tests.tables.features.log import NAMES, SCHEMA, TOPIC, MemoryLog

TTLS = {"sma_5": 300}
LATEST = "feature:A:latest"


class Case:
    """A topic, a Redis that was filled from it, and the comparison."""

    def __init__(self, url: str) -> None:
        self.log = MemoryLog(step=100)
        self.now = time.time()
        self.decoder = PastDecoder(NAMES, SCHEMA)
        self.store = RealTimeFeatureStore(url, names=NAMES, schema=SCHEMA, history=["sma_5"])
        self.pool = make_pool(url, None, 5.0)
        self.verifier = Verifier(
            self.log,
            RedisFeatureSource(self.pool, "", FeatureOpener(None)),
            self.decoder,
            TOPIC,
            NAMES,
            TTLS,
            86_400,
            lambda: self.now,
            random.Random(1),
        )

    async def add(self, symbol: str, second: float, *, ago_s: float = 5.0, stored: bool = True, **other: Any) -> None:
        """A record in the topic and, unless told otherwise, in Redis."""
        source = self.log.end()
        record = self.log.add(symbol, source, second, float(source), at_s=self.now - ago_s, **other)
        write = self.decoder.write(record)
        if stored and write is not None:
            await self.store.filler.fill([PastWrite(write, int(ago_s))])

    async def verify(self, **options: Any) -> Verified:
        return await self.verifier.verify(2, **options)

    async def differences(self, **options: Any) -> list[str]:
        return (await self.verify(**options)).differences


@pytest.fixture
async def case(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Case]:
    monkeypatch.setattr(verify, "PAUSE_S", 0.0)
    monkeypatch.setattr(verify, "STRETCH", 10)
    case = Case(redis_url)
    for number in range(30):
        await case.add("AB"[number % 2], number // 4)
    yield case
    await case.store.stop()
    await case.pool.disconnect()


@pytest.fixture
def redis(redis_url: str) -> Any:
    with Redis.from_url(redis_url) as client:
        yield client


async def test_nothing_differs(case: Case) -> None:
    assert await case.verify() == Verified(symbols=2, seconds=16, records=30, differences=[])
    assert (await case.verify(sample=5)).seconds == 5


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("sma_5", "27.5", "A: sma_5 is 27.5, the topic has 28.0 (features[0]@28)"),
        ("rsi_14", "-28.0", "A: rsi_14 is -28.0, the topic has 28.0"),
        ("status", "stale", "A: status is 'stale', the topic has 'ready'"),
        ("price", "1", "A: price is 1.0, the topic has 100.5"),
        ("ts_ns", "5", "A: ts_ns is 5, the topic has 17900000"),
        ("flags", '{"sma_5":"gapped"}', "A: flags is {'sma_5': 'gapped'}, the topic has {}"),
        ("id", "ticks-0-26", "A: ticks-0-26 in Redis, ticks-0-28 in features[0]@28"),
    ],
)
async def test_a_changed_field_is_named(case: Case, redis: Any, field: str, value: str, said: str) -> None:
    redis.hset(LATEST, field, value)
    (found,) = await case.differences()
    assert found.startswith(said)


async def test_what_is_missing_and_what_nobody_wrote(case: Case, redis: Any) -> None:
    redis.hdel("feature:B:latest", "sma_5")
    redis.delete(LATEST)
    redis.hset("feature:Z:latest", mapping={"id": "ticks-9-9", "ts_ns": "5", "schema": SCHEMA, "status": "ready"})
    redis.zadd("features:symbols", {"Z": time.time() + 1_000})
    assert await case.differences() == [
        "A: nothing in Redis, ticks-0-28 in features[0]@28",
        "B: sma_5 is None, the topic has 29.0 (features[0]@29)",
        "Z: ticks-9-9 is in Redis, the topic has no record of it",
    ]


async def test_many_wrong_values_are_not_all_listed(case: Case, redis: Any) -> None:
    redis.hset(LATEST, mapping={"sma_5": "1", "rsi_14": "1", "price": "1", "status": "x"})
    assert "; " in (await case.differences())[0]
    assert ", and 1 more (features[0]@28)" in (await case.differences())[0]


async def test_history_is_compared_second_by_second(case: Case, redis: Any) -> None:
    keys = sorted(redis.keys("feature:A:sma_5:*"))
    redis.set(keys[0], "99")
    redis.delete(keys[1], keys[1].replace(b"sma_5", b"_record"))
    one, two = sorted(await case.differences())
    assert one.startswith("A at 20260921141320: sma_5 is 99.0, the topic has 2.0")
    assert two.startswith("A at 20260921141321: nothing in Redis")


async def test_what_has_expired_or_is_about_to_is_not_looked_for(case: Case, redis: Any) -> None:
    await case.add("old", 90, ago_s=86_399, stored=False)
    await case.add("A", 91, ago_s=298)
    redis.delete("feature:A:sma_5:20260921141451")
    assert await case.differences(everything=True) == []


async def test_a_quiet_symbol_that_redis_lacks_is_found_with_everything(redis_url: str) -> None:
    case = Case(redis_url)
    await case.add("quiet", 0, ago_s=5_000, stored=False)
    for number in range(healing.STRETCH + 5):
        case.log.add("A", number + 1, 1, 1.0, at_s=case.now - 4_000 if number < 4_005 else case.now - 5)
    await case.add("A", 1)
    assert await case.differences() == []
    assert await case.differences(everything=True) == ["quiet: nothing in Redis, ticks-0-0 in features[0]@0"]
    await case.store.stop()
    await case.pool.disconnect()


async def test_the_stream_may_go_on(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes while it compares is in Redis and not yet read of the topic, and the other way round."""
    newest = case.verifier.source.newest
    looks = 0

    async def meanwhile(symbols: Any, names: Any) -> Any:
        nonlocal looks
        looks += 1
        if looks == 1:
            await case.add("A", 50)
        return await newest(symbols, names)

    monkeypatch.setattr(case.verifier.source, "newest", meanwhile)
    done = await case.verify()
    assert done.differences == []
    assert looks == 2
    assert done.records == 31


async def test_a_null_and_its_flag(case: Case, redis: Any) -> None:
    source = case.log.end()
    record = case.log.add("N", source, 0, float("nan"), at_s=case.now)
    write = case.decoder.write(record)
    assert write is not None
    await case.store.filler.fill([PastWrite(write, 0)])
    assert await case.differences() == []
    redis.hset("feature:N:latest", "sma_5", "1")
    redis.hdel("feature:N:latest", "flags")
    (found,) = await case.differences()
    assert found.startswith("N: flags is {}, the topic has {'sma_5': 'warming'}; sma_5 is 1.0, the topic has None")
