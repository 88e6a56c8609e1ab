"""Promotion: which set readers of the active one get, seen by readers that never stop reading."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from streams.errors import ConfigError
from tables.feature_store import RealTimeFeatureStore
from tables.features.active import FeatureActive
from tables.features.keys import ACTIVE, BASE
from tests.tables.test_feature_store import NAMES, NS, SCHEMA, T0, record

OTHER = "ba9876543210"
SYMBOLS = [f"S{n}" for n in range(20)]


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
async def sets(redis_url: str) -> AsyncIterator[list[RealTimeFeatureStore]]:
    """The set without a version in its keys, and one beside it: the same symbols and names, values of another sign."""
    stores = [
        RealTimeFeatureStore(redis_url, names=NAMES, schema=SCHEMA),
        RealTimeFeatureStore(redis_url, names=NAMES, schema=OTHER, beside=True),
    ]
    for store in stores:
        await store.start()
        await write(store, 1)
    yield stores
    for store in stores:
        await store.stop()


async def write(store: RealTimeFeatureStore, offset: int) -> None:
    """One record of every symbol, of one second."""
    value = float(offset) if store.schema == SCHEMA else -float(offset)
    store.put_many([record(symbol, offset, 0, [value] * 3) for symbol in SYMBOLS])
    await store.flush()


async def test_no_reader_ever_sees_two_sets(sets: list[RealTimeFeatureStore], client: Redis, redis_url: str) -> None:
    """While one is promoted after the other, and both go on writing."""
    active = FeatureActive(client)
    done = asyncio.Event()
    answers: set[str] = set()

    async def read() -> int:
        reader, count = RealTimeFeatureStore(redis_url), 0
        while not done.is_set():
            matrix = await reader.latest_many(SYMBOLS, list(NAMES))
            signs = {value > 0 for value in matrix.values.ravel()}
            assert len(signs) == 1, "symbols of two sets in one answer"
            history = await reader.history("S0", "sma_5", T0 * NS, (T0 + 9) * NS)
            one = await reader.latest("S0")
            assert one is not None
            assert {value > 0 for value in one.values.values() if value is not None} == {one.schema == SCHEMA}
            assert len(history.pairs) == 1
            answers.add(one.schema)
            count += 1
        await reader.stop()
        return count

    readers = [asyncio.create_task(read()) for _ in range(8)]
    for offset in range(2, 30):
        await active.promote(OTHER if offset % 2 else BASE)
        for store in sets:
            await write(store, offset)
    done.set()
    assert min(await asyncio.gather(*readers)) > 5
    assert answers == {SCHEMA, OTHER}


async def test_promotion_and_back(sets: list[RealTimeFeatureStore], client: Redis, redis_url: str) -> None:
    active, reader = FeatureActive(client), RealTimeFeatureStore(redis_url)

    async def schema() -> str:
        latest = await reader.latest("S0")
        assert latest is not None
        return latest.schema

    assert (await active.look(), await schema()) == ("", SCHEMA)
    assert await active.versions() == [SCHEMA, OTHER]
    await active.promote(OTHER)
    assert (await active.look(), await schema()) == (OTHER, OTHER)
    # Who names a set gets that one, promoted or not.
    own = await sets[0].latest("S0")
    assert own is not None
    assert own.schema == SCHEMA
    # By its version, too: that of the keys without one.
    await active.promote(SCHEMA)
    assert (await active.look(), await schema(), await client.get(ACTIVE)) == ("", SCHEMA, b"base")
    await reader.stop()


@pytest.mark.parametrize("version", ["ffffffffffff", "nonsense", "", "BA9876543210"])
async def test_a_set_that_is_not_there_is_refused(
    sets: list[RealTimeFeatureStore], client: Redis, version: str
) -> None:
    with pytest.raises(ConfigError, match=f"no feature set '{version}' has symbols.*there are: {SCHEMA}, {OTHER}"):
        await FeatureActive(client).promote(version)
    assert await client.exists(ACTIVE) == 0
    assert len(sets) == 2


async def test_nothing_there_and_nonsense(client: Redis, redis_url: str) -> None:
    active = FeatureActive(client)
    assert (await active.look(), await active.versions()) == ("", [])
    with pytest.raises(ConfigError, match="there are: none"):
        await active.promote(OTHER)
    await client.set(ACTIVE, b"\xff*")
    assert await active.look() == ""
    reader = RealTimeFeatureStore(redis_url)
    assert await reader.latest("S0") is None
    await reader.stop()


async def test_an_emptied_server_is_told_again(sets: list[RealTimeFeatureStore], client: Redis) -> None:
    """By whichever worker notices first; what was promoted meanwhile stays."""
    active, filler = FeatureActive(client), sets[1].filler
    await active.promote(OTHER)
    assert await filler.advance(0, None, 5)
    await client.flushdb()
    assert not await filler.advance(0, 5, 6)
    assert await active.look() == OTHER
    await client.flushdb()
    await write(sets[0], 40)
    third: Any = "0" * 12
    await client.set(ACTIVE, third)
    assert not await filler.advance(0, 5, 6)
    assert await active.look() == third
    # Back to the set without a version, and no loss: nobody brings the old one back.
    assert await filler.advance(0, None, 6)
    await active.promote(BASE)
    assert await filler.advance(0, 6, 7)
    await client.flushdb()
    assert not await filler.advance(0, 7, 8)
    assert await active.look() == ""


async def test_a_promotion_back_stays_while_a_watermark_is_moved_elsewhere(
    sets: list[RealTimeFeatureStore], client: Redis
) -> None:
    """A filling that began before it ends where another worker has moved the watermark: that is no lost server."""
    active, filler = FeatureActive(client), sets[1].filler
    await active.promote(OTHER)
    assert await filler.advance(0, None, 5)
    await active.promote(BASE)
    await client.set(sets[1]._writer._commands.keys.watermark(0), 9)
    assert not await filler.advance(0, 5, 6)
    assert await active.look() == ""
    assert await client.get(ACTIVE) == b"base"


async def test_what_is_no_text_is_no_watermark_and_no_version(
    sets: list[RealTimeFeatureStore], client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    filler = sets[1].filler
    await client.mset({ACTIVE: b"\xff", sets[1]._writer._commands.keys.watermark(0): b"\xfe"})
    assert not await filler.advance(0, 5, 6)
    assert await filler.watermark(0) is None
    assert "which is no offset" in caplog.text
    assert await filler.advance(0, None, 6)
    assert await client.get(ACTIVE) == b"\xff"
