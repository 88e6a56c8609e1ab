"""The store with sealed records: what lies in Redis, who may read it, and how one switches to it and changes keys.

That it answers as the store in clear does is in tests/tables/test_feature_store.py.
"""

import json
import logging
import math
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest
from redis import Redis

from streams.errors import ConfigError
from tables.feature_store import RealTimeFeatureStore
from tables.features.budget import Budget
from tables.features.contract import FeatureWrite, PastWrite
from tables.features.keys import FeatureKeys
from tables.sealing import Sealer, SealError

NAMES = ("sma_5", "rsi_14", "bb_upper")
SCHEMA = "0123456789ab"
NS = 1_000_000_000
T0 = 1_790_000_000
K1, K2 = bytes(range(32)), bytes(range(32, 64))
LATEST = "feature:ES:latest"


def record(offset: int, second: int = 0, value: float = 123.4567890123, **other: Any) -> FeatureWrite:
    fields: dict[str, Any] = {"partition": 3, "id": f"ticks-3-{offset}", "status": "ready", "price": 100.5} | other
    return FeatureWrite(
        symbol="ES", offset=offset, ts_ns=(T0 + second) * NS + 5, values=[value, math.nan, -2e-7], **fields
    )


@pytest.fixture
def raw(redis_url: str) -> Iterator["Redis"]:
    with Redis.from_url(redis_url) as client:
        yield client


class Stores:
    """Stores that are stopped at the end."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.made: list[RealTimeFeatureStore] = []

    async def writer(self, keys: dict[str, bytes] | None, **options: Any) -> RealTimeFeatureStore:
        store = self._make(keys, names=NAMES, schema=SCHEMA, **options)
        await store.start()
        return store

    def reader(self, keys: dict[str, bytes] | None) -> RealTimeFeatureStore:
        return self._make(keys)

    def _make(self, keys: dict[str, bytes] | None, **options: Any) -> RealTimeFeatureStore:
        sealer = None if keys is None else Sealer(keys)
        store = RealTimeFeatureStore(self.url, sealer=sealer, now_ns=lambda: (T0 + 9) * NS, **options)
        self.made.append(store)
        return store


@pytest.fixture
async def stores(redis_url: str) -> AsyncIterator[Stores]:
    made = Stores(redis_url)
    yield made
    for store in made.made:
        await store.stop()


async def put(store: RealTimeFeatureStore, *writes: FeatureWrite) -> None:
    store.put_many(writes)
    await store.flush()


async def test_nothing_of_a_record_lies_there_in_clear(stores: Stores, raw: "Redis") -> None:
    """One record for a symbol's newest features and one for its second, with a life; the coordinates are readable."""
    store = await stores.writer({"k1": K1}, ttl_s=300, latest_ttl_s=1_000)
    await put(store, record(7, status="warming", flags=b'{"rsi_14":"warming"}'))
    second = "feature:ES:_record:20260921141320"
    assert {key.decode() for key in raw.scan_iter("feature:*")} == {LATEST, second}
    fields = raw.hgetall(LATEST)
    assert {name: fields[name] for name in fields if name != b"sealed"} == {
        b"ts_ns": b"1790000000000000005",
        b"schema": SCHEMA.encode(),
        b"_partition": b"3",
        b"_offset": b"7",
    }
    assert 990 <= raw.ttl(LATEST) <= 1_000
    assert 290 <= raw.ttl(second) <= 300
    texts: list[Any] = [fields[b"sealed"], raw.get(second)]
    for text in texts:
        for secret in (b"123.45", b"sma_5", b"warming", b"100.5", b"ticks-3-7"):
            assert secret not in text
        assert json.loads(text)["key"] == "k1"


async def test_readers_with_a_key_read_all_and_without_one_nothing(stores: Stores) -> None:
    store = await stores.writer({"k1": K1})
    await put(store, record(1, 0, 1.5), record(2, 1, 2.5))
    reader = stores.reader({"other": K2, "k1": K1})
    latest = await reader.latest("ES")
    assert latest is not None
    assert latest.values["sma_5"] == 2.5
    assert latest.id == "ticks-3-2"
    matrix = await reader.latest_many(["ES", "none"], ["sma_5", "bb_upper"])
    assert matrix.values[0].tolist() == [2.5, -2e-7]
    history = await reader.history("ES", "sma_5", T0 * NS, (T0 + 9) * NS)
    assert history.pairs == [(T0, 1.5), (T0 + 1, 2.5)]
    past = await reader.as_of("ES", ["sma_5", "rsi_14"], (T0 + 1) * NS)
    assert past is not None
    assert past.values == {"sma_5": 1.5, "rsi_14": None}

    for keys, what in ((None, "set HAYATE_FEATURES_KEY_FILE"), ({"other": K2}, "sealed with key 'k1'")):
        blind = stores.reader(keys)
        for call in (
            blind.latest("ES"),
            blind.latest("ES", ["sma_5"]),
            blind.latest_many(["ES"], ["sma_5"]),
            blind.history("ES", "sma_5", T0 * NS, (T0 + 9) * NS),
            blind.as_of("ES", ["sma_5"], (T0 + 1) * NS),
        ):
            with pytest.raises((ConfigError, SealError), match=f"feature:ES:.* sealed.*{what}|feature:ES:.*{what}"):
                await call
        assert await blind.symbols() == ["ES"]


async def test_newest_wins_by_the_offset_in_clear(stores: Stores) -> None:
    store = await stores.writer({"k1": K1})
    await put(store, record(5, 0, 5.0))
    other = await stores.writer({"k1": K1})
    await put(other, record(4, 0, 4.0))
    assert (other.written, other.ignored) == (0, 1)
    latest = await store.latest("ES")
    assert latest is not None
    assert latest.values["sma_5"] == 5.0
    # Of the log: an earlier second is filled in, the newest features stay.
    assert await store.filler.fill([PastWrite(record(3, -10, 3.0), 20)]) == 1
    assert await store.filler.fill([PastWrite(record(5, 0, 5.0), 20)]) == 1
    assert await store.filler.fill([PastWrite(record(2, 0, 2.0), 20)]) == 0
    history = await store.history("ES", "sma_5", (T0 - 60) * NS, (T0 + 9) * NS)
    assert history.pairs == [(T0 - 10, 3.0), (T0, 5.0)]


async def test_moved_changed_and_forged_records_are_refused(stores: Stores, raw: "Redis") -> None:
    store = await stores.writer({"k1": K1})
    await put(store, record(7))
    sealed: Any = raw.hgetall(LATEST)
    raw.hset("feature:NQ:latest", mapping=sealed)
    with pytest.raises(SealError, match="feature:NQ:latest does not open with key 'k1'"):
        await store.latest("NQ")
    raw.hset(LATEST, "_offset", "99")
    with pytest.raises(SealError, match="another offset"):
        await store.latest("ES")
    raw.hset(LATEST, "sealed", "{}")
    with pytest.raises(SealError, match="holds no sealed record"):
        await store.latest("ES")


async def test_a_record_in_clear_counts_as_none_for_who_has_keys(
    stores: Stores, raw: "Redis", caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever can write to Redis but has no key cannot pass one off; said once. Filling from the log seals it."""
    clear = await stores.writer(None)
    await put(clear, record(7))
    store = await stores.writer({"k1": K1})
    with caplog.at_level(logging.WARNING):
        assert await store.latest("ES") is None
        assert await store.latest("ES", ["sma_5"]) is None
        assert (await store.history("ES", "sma_5", T0 * NS, (T0 + 9) * NS)).pairs == []
        assert await store.as_of("ES", ["sma_5"], (T0 + 5) * NS) is None
    assert caplog.text.count("lies in Redis in clear") == 1
    assert await store.filler.fill([PastWrite(record(7), 1)]) == 1
    assert await store.latest("ES") is not None
    assert set(raw.hkeys(LATEST)) == {b"ts_ns", b"schema", b"_partition", b"_offset", b"sealed"}


async def test_keys_rotate_while_it_is_read(stores: Stores) -> None:
    await put(await stores.writer({"k1": K1}), record(1, 0, 1.0))
    both = await stores.writer({"k2": K2, "k1": K1})
    await put(both, record(2, 1, 2.0))
    assert (await both.history("ES", "sma_5", T0 * NS, (T0 + 9) * NS)).pairs == [(T0, 1.0), (T0 + 1, 2.0)]
    behind = stores.reader({"k1": K1, "k2": K2})
    latest = await behind.latest("ES")
    assert latest is not None
    assert latest.values["sma_5"] == 2.0


async def test_no_history_no_record_of_the_second(stores: Stores, raw: "Redis") -> None:
    store = await stores.writer({"k1": K1}, history=())
    await put(store, record(7))
    assert [key.decode() for key in raw.scan_iter("feature:*")] == [LATEST]
    assert await store.latest("ES") is not None


async def test_what_keeps_no_history_is_not_in_the_second(stores: Stores) -> None:
    store = await stores.writer({"k1": K1}, history=("sma_5",))
    await put(store, record(7, flags=b'{"rsi_14":"warming"}'))
    past = await stores.reader({"k1": K1}).as_of("ES", ["sma_5"], (T0 + 5) * NS)
    assert past is not None
    assert past.values == {"sma_5": 123.4567890123}


async def test_the_budget_covers_what_a_sealed_second_takes(stores: Stores, raw: "Redis") -> None:
    """With names and numbers as long as they get in the default set."""
    names = tuple(f"bb_bandwidth_{n:02}" for n in range(14))
    store = stores._make({"k1": K1}, names=names, schema=SCHEMA)
    await store.start()
    values = [1.2345678901234567e-05 * (n + 1) for n in range(14)]
    long = record(7, id="some-prefix-ticks-3-123456789")
    await put(store, msgspec.structs.replace(long, values=values))
    (place,) = raw.scan_iter("feature:*:_record:*")
    taken = raw.memory_usage(place)
    budget = Budget(FeatureKeys(), values=14, ttls=dict.fromkeys(names, 1), sealed=True)
    assert isinstance(taken, int)
    assert taken <= budget.per_second() <= 2 * taken
