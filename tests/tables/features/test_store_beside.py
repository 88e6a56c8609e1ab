"""A feature set beside the active one in the same Redis: keys that never meet, readers of each, and their removal."""

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from redis import Redis

from streams.errors import ConfigError, RetryError
from streams.feature_set import FeatureSet
from streams.records import SYMBOL_PATTERN
from streams.settings import Settings
from tables.feature_store import RealTimeFeatureStore
from tables.features.clear import clear_features
from tables.features.keys import ACTIVE, SCHEMAS, FeatureKeys, schema_key
from tests.tables.features.test_store_keys import SECOND
from tests.tables.test_feature_store import NAMES, NAN, NS, SCHEMA, T0, record

OTHER = "ba9876543210"
VERSIONS = ("", SCHEMA, OTHER)
"""Of the sets in one Redis: the active one, and two beside it."""

Open = Callable[..., RealTimeFeatureStore]


@pytest.fixture
async def opened(redis_url: str) -> AsyncIterator[Open]:
    """Makes stores of the test's Redis, which are stopped after it."""
    stores = []

    def make(**options: Any) -> RealTimeFeatureStore:
        stores.append(RealTimeFeatureStore(redis_url, **options))
        return stores[-1]

    yield make
    for store in stores:
        await store.stop()


@pytest.fixture
def redis(redis_url: str) -> Any:
    """A plain client; untyped, for redis-py's types cover its asyncio twin too."""
    with Redis.from_url(redis_url) as client:
        yield client


async def write(store: RealTimeFeatureStore, *records: Any) -> None:
    """Start `store` and have `records` stored."""
    await store.start()
    store.put_many(records)
    await store.flush()


async def test_keys_are_byte_for_byte_those_of_the_design(opened: Open, redis: Any) -> None:
    store = opened(names=NAMES, schema=SCHEMA, beside=True, history=["bb_upper_10_1.5", "rsi_14"])
    await write(store, record("BTC/USDT-USDT", 1, 0, [1.5, NAN, 2.5]))
    start = f"feature:{SCHEMA}:BTC/USDT-USDT:".encode()
    assert set(redis.keys("*")) == {
        start + b"bb_upper_10_1.5:" + SECOND,
        start + b"_record:" + SECOND,
        start + b"latest",
        f"features:{SCHEMA}:symbols".encode(),
        f"features:schema:{SCHEMA}".encode(),
        b"features:schemas",
    }
    assert redis.get(start + b"bb_upper_10_1.5:" + SECOND) == b"2.5"
    assert redis.hmget(start + b"latest", "sma_5", "rsi_14", "bb_upper_10_1.5", "schema") == [
        b"1.5",
        None,
        b"2.5",
        SCHEMA.encode(),
    ]
    assert redis.zrange(f"features:{SCHEMA}:symbols", 0, -1) == [b"BTC/USDT-USDT"]


async def test_each_output_without_history_saves_its_key_and_its_commands(opened: Open, redis: Any) -> None:
    store = opened(names=NAMES, schema=SCHEMA, history=["rsi_14"])
    await store.start()
    before = redis.info("commandstats")
    for n in range(10):
        store.put_many([record("ES", n, n, [1.0, 2.0, 3.0]), record("NQ", n, n, [NAN, 2.0, NAN])])
    await store.flush()
    after = redis.info("commandstats")
    # The first record of a symbol has the description written again, by one SET for all of them. Beside each value
    # stands what is known of its record.
    assert after["cmdstat_set"]["calls"] - before["cmdstat_set"]["calls"] == 2 * 20 + 1
    assert redis.dbsize() == 2 * 20 + 2 + 3
    assert len(redis.keys("feature:*:rsi_14:*")) == 20


async def test_two_sets_of_the_same_symbols_do_not_meet(opened: Open, redis: Any) -> None:
    active = opened(names=NAMES, schema=SCHEMA)
    beside = opened(names=("vwap", "sma_5"), schema=OTHER, beside=True)
    # One symbol has the other set's version for a name, and its offsets are the higher ones.
    await write(active, record("ES", 900, 0, [1.0, 2.0, NAN]), record(OTHER, 901, 0, [3.0, 3.0, 3.0]))
    await write(beside, record("ES", 1, 0, [-1.0, -2.0]), record("NQ", 2, 1, [-3.0, NAN]))
    # The stores read, and so do readers of whatever is there.
    for first, second in ((active, beside), (opened(), opened(schema=OTHER, beside=True))):
        readers = (first, second)
        assert [await reader.symbols() for reader in readers] == [["ES", OTHER], ["ES", "NQ"]]
        latest = [await reader.latest("ES", ["sma_5"]) for reader in readers]
        assert [found and (found.schema, found.id, found.values) for found in latest] == [
            (SCHEMA, "ticks-3-900", {"sma_5": 1.0}),
            (OTHER, "ticks-3-1", {"sma_5": -2.0}),
        ]
        assert await first.latest("NQ") is None
        assert await second.latest(OTHER) is None
        assert (await first.history("ES", "sma_5", T0 * NS, (T0 + 9) * NS)).pairs == [(T0, 1.0)]
        assert (await second.history("ES", "sma_5", T0 * NS, (T0 + 9) * NS)).pairs == [(T0, -2.0)]
    assert (active.written, beside.written, active.ignored, beside.ignored) == (2, 2, 0, 0)
    assert {redis.exists(schema_key(version)) for version in (SCHEMA, OTHER)} == {1}


@pytest.mark.parametrize("schema", ["", "symbols", "schema", "0123456789a", "0123456789AB", "01234:6789ab"])
def test_a_set_beside_another_needs_a_version(schema: str) -> None:
    with pytest.raises(ConfigError, match=f"schema='{schema}'.*pass its 12 hexadecimal digits"):
        RealTimeFeatureStore("redis://127.0.0.1:1/0", names=NAMES, schema=schema, beside=True)


class Place(NamedTuple):
    """What one key is for."""

    version: str
    symbol: str | None = None
    name: str | None = None
    unix_s: int | None = None

    def key(self) -> str:
        """Its key."""
        keys = keys_of(self.version)
        if self.symbol is None:
            return keys.symbols
        if self.name is None or self.unix_s is None:
            return keys.latest(self.symbol)
        return keys.history(self.symbol, self.name, self.unix_s)


def keys_of(version: str) -> FeatureKeys:
    return FeatureKeys(version, beside=version != "")


words = ("latest", "symbols", "schema", "schemas", "feature", "features", "20260921141320", *VERSIONS[1:])
"""Symbols, and names of features, that could be taken for another part of a key."""
symbols = st.sampled_from([*words, "ES"]) | st.from_regex(re.compile(SYMBOL_PATTERN), fullmatch=True)
names = st.sampled_from([*words, "sma_5"]) | st.from_regex(r"[a-z0-9_.@~]{1,12}", fullmatch=True)
seconds = st.sampled_from([0, T0, T0 + 1]) | st.integers(0, 2**35)
versions = st.sampled_from(VERSIONS)
places = (st.tuples(versions) | st.tuples(versions, symbols) | st.tuples(versions, symbols, names, seconds)).map(
    lambda parts: Place(*parts)
)


@given(st.lists(places, unique=True, min_size=2, max_size=50))
@example([Place("", SCHEMA, "latest", T0), Place(SCHEMA, "latest"), Place("", SCHEMA)])
@example([Place("", SCHEMA, "ES", T0), Place(SCHEMA, "ES", "latest", T0), Place(SCHEMA, "ES")])
@example([Place(""), Place(SCHEMA), Place("", "symbols"), Place(SCHEMA, "symbols")])
def test_no_key_means_two_things(places: list[Place]) -> None:
    keys = {place.key() for place in places}
    assert len(keys) == len(places)
    assert keys.isdisjoint(schema_key(version) for version in VERSIONS)


@given(places)
@example(Place("", SCHEMA))
@example(Place("", SCHEMA, "sma_5", T0))
@example(Place("", OTHER, "latest", T0))
@example(Place(SCHEMA, OTHER))
def test_a_key_is_of_its_own_set_only(place: Place) -> None:
    assert [version for version in VERSIONS if keys_of(version).owns(place.key())] == [place.version]


@pytest.mark.parametrize("key", ["feature:flag", "feature:a:b", "feature:a:b:c:d:1", "features:", "featured:x:latest"])
def test_keys_of_nobody(key: str) -> None:
    assert not any(keys_of(version).owns(key) for version in VERSIONS)


@pytest.fixture
def config(redis_url: str, tmp_path: Path) -> Settings:
    """Settings of a worker whose set runs beside another."""
    file = tmp_path / "mine.toml"
    file.write_text('name = "mine"\nindicators = ["sma_5"]\n')
    return Settings(redis_url=redis_url, feature_set=str(file), beside=True)


async def test_each_set_is_removed_by_itself(opened: Open, redis: Any, config: Settings) -> None:
    own = FeatureSet.load(config.feature_set)
    # Keys of the active set that hold the version of the one beside it, as a symbol and as a feature of its own.
    active = opened(names=("sma_5", "latest"), schema=SCHEMA)
    await write(active, *(record(symbol, 1, 0, [1.0, 2.0]) for symbol in ("ES", own.version)))
    beside = opened(names=own.outputs, schema=own.version, beside=True)
    await write(beside, *(record(symbol, 1, 0, [1.0]) for symbol in ("ES", OTHER)))
    third = opened(names=own.outputs, schema=OTHER, beside=True)
    await write(third, *(record(symbol, 1, 0, [1.0]) for symbol in ("ES", own.version)))
    redis.mset({schema_key("aaaaaaaaaaaa"): "{}", "feature:flag": "x", b"feature\xff:x": "x", "another": "x"})
    redis.mset({"features:watermark:0": "7", f"features:{own.version}:watermark:0": "7", ACTIVE: OTHER})
    strangers = {b"feature:flag", b"feature\xff:x", b"another", ACTIVE.encode()}
    active_keys = 2 * 4 + 1
    beside_keys = 2 * 3 + 2

    left = set(redis.keys("*"))
    assert await clear_features(config) == beside_keys
    gone, left = left - set(redis.keys("*")), set(redis.keys("*"))
    start = own.version.encode()
    assert gone == {
        b"feature:%b:ES:latest" % start,
        b"feature:%b:ES:sma_5:%b" % (start, SECOND),
        b"feature:%b:ES:_record:%b" % (start, SECOND),
        b"feature:%b:%b:_record:%b" % (start, OTHER.encode(), SECOND),
        b"features:%b:watermark:0" % start,
        b"feature:%b:%b:latest" % (start, OTHER.encode()),
        b"feature:%b:%b:sma_5:%b" % (start, OTHER.encode(), SECOND),
        b"features:%b:symbols" % start,
    }
    assert schema_key(own.version).encode() in left
    assert await clear_features(config) == 0

    # The active one, with the descriptions of those that are no more, and the watermark.
    assert await clear_features(config.model_copy(update={"beside": False})) == active_keys + 3 + 1
    assert set(redis.keys("*")) == {
        *strangers,
        b"features:%b:symbols" % OTHER.encode(),
        schema_key(OTHER).encode(),
        SCHEMAS.encode(),
        *(f"feature:{OTHER}:{symbol}:latest".encode() for symbol in ("ES", own.version)),
        *(
            f"feature:{OTHER}:{symbol}:{name}:".encode() + SECOND
            for symbol in ("ES", own.version)
            for name in ("sma_5", "_record")
        ),
    }
    assert redis.smembers(SCHEMAS) == {OTHER.encode()}


async def test_more_keys_than_one_call_takes(redis: Any, config: Settings) -> None:
    active = config.model_copy(update={"beside": False})
    redis.mset({f"feature:S{n}:sma_5:20260921141320": "1" for n in range(2_500)})
    assert await clear_features(active) == 2_500
    assert redis.dbsize() == 0


async def test_redis_away(config: Settings) -> None:
    away = config.model_copy(update={"redis_url": "redis://:hunter2@127.0.0.1:1/0"})
    with pytest.raises(RetryError, match=r"^Redis at 127\.0\.0\.1:1/0: .*start it, and run this again") as caught:
        await clear_features(away)
    assert "hunter2" not in str(caught.value)
