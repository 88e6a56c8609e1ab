"""Features of one record that live for different times, or keep no history, as Redis reports their keys."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis import Redis

from tables.feature_store import RealTimeFeatureStore
from tables.features.contract import FeatureWrite, PastWrite
from tests.tables.test_feature_store import NAN, SCHEMA, record

NAMES = ("short", "none", "long", "null", "short_too")
LIVES = {"short": 60, "long": 300, "null": 300, "short_too": 60}
SLACK_S = 5


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RealTimeFeatureStore]:
    store = RealTimeFeatureStore(redis_url, names=NAMES, schema=SCHEMA, history=tuple(LIVES), ttls=LIVES)
    await store.start()
    yield store
    await store.stop()


def write(offset: int, second: int) -> FeatureWrite:
    return record("ES", offset, second, [1.5, 2.5, 3.5, NAN, 5.5])


def history(redis_url: str) -> dict[str, tuple[bytes, int]]:
    """Value and rest of life of each name that has a history key."""
    with Redis.from_url(redis_url) as client:
        redis: Any = client
        keys = [key.decode() for key in redis.keys("feature:ES:*:*")]
        return {key.split(":")[2]: (redis.get(key), redis.ttl(key)) for key in keys if ":_record:" not in key}


async def test_each_has_its_own_life(store: RealTimeFeatureStore, redis_url: str) -> None:
    store.put_many([write(1, 0)])
    await store.flush()
    found = history(redis_url)
    assert {name: text for name, (text, _) in found.items()} == {"short": b"1.5", "long": b"3.5", "short_too": b"5.5"}
    for name, (_, ttl) in found.items():
        assert LIVES[name] - SLACK_S < ttl <= LIVES[name], name


@pytest.mark.parametrize(("age_s", "names"), [(20, {"short", "long", "short_too"}), (100, {"long"}), (400, set())])
async def test_of_the_log_what_is_left_of_it(
    store: RealTimeFeatureStore, redis_url: str, age_s: int, names: set[str]
) -> None:
    """Newest first, as a filling writes: the second record is of a second that is over, and only its history counts."""
    assert await store.filler.fill([PastWrite(write(9, 9), 1_000), PastWrite(write(1, 0), age_s)]) == (
        2 if names else 1
    )
    found = history(redis_url)
    assert found.keys() == names
    for name, (_, ttl) in found.items():
        assert LIVES[name] - age_s - SLACK_S < ttl <= LIVES[name] - age_s, name
    latest = await store.latest("ES")
    assert latest is not None
    assert latest.values == dict(zip(NAMES, (1.5, 2.5, 3.5, None, 5.5), strict=True))
    assert latest.id == write(9, 9).id
