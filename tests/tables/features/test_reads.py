"""What every answer of the feature store says: the same from Redis, in clear and sealed, and from the twin."""

import itertools
import math
import os
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.errors import FeatureNameError
from tables.feature_store import RealTimeFeatureStore
from tables.features.contract import FeatureWrite
from tables.features.freshness import CODES
from tables.features.schema import Meaning
from tables.features.store_memory import MemoryFeatureStore
from tables.sealing import Sealer

NAMES = ("sma_5", "rsi_14", "mid")
SCHEMA = "0123456789ab"
MEANING = Meaning("test", {"sma_5": "trend"}, {"sma_5": "price"}, {"sma_5": 60.0, "mid": 10.0})
T0 = 1_790_000_000
NS = 1_000_000_000
NOW = (T0 + 5) * NS
NAN = math.nan

Store = RealTimeFeatureStore | MemoryFeatureStore
Make = Callable[..., Store]


def record(
    symbol: str, offset: int, second: float, values: list[float], flags: bytes = b"", **other: Any
) -> FeatureWrite:
    """A record `second` seconds after T0."""
    fields: dict[str, Any] = {"partition": 3, "id": f"ticks-3-{offset}", "status": "ready", "price": 100.5} | other
    ts_ns = T0 * NS + round(second * NS)
    return FeatureWrite(symbol=symbol, offset=offset, ts_ns=ts_ns, values=values, flags=flags, **fields)


@pytest.fixture(params=["memory", "redis", "sealed", "beside"])
def make(request: pytest.FixtureRequest) -> Make:
    common: dict[str, Any] = {"names": NAMES, "schema": SCHEMA, "history": ("sma_5", "rsi_14"), "meaning": MEANING}
    if request.param == "memory":
        return partial(MemoryFeatureStore, **common, now_ns=lambda: NOW)
    common["beside"] = request.param == "beside"
    if request.param == "sealed":
        common["sealer"] = Sealer({"k1": os.urandom(32)})
    return partial(RealTimeFeatureStore, request.getfixturevalue("redis_url"), **common, now_ns=lambda: NOW)


@pytest.fixture
async def store(make: Make) -> AsyncIterator[Store]:
    store = make()
    await store.start()
    yield store
    await store.stop()


async def put(store: Store, *writes: FeatureWrite) -> None:
    store.put_many(writes)
    await store.flush()


async def test_stale_is_decided_by_each_features_own_limit(store: Store) -> None:
    await put(store, record("ES", 1, 0, [1.0, 2.0, 3.0]))
    ages = {10: {}, 10.000000001: {"mid": "stale"}, 60: {"mid": "stale"}, 61: {"sma_5": "stale", "mid": "stale"}}
    for age, flags in ages.items():
        now_ns = T0 * NS + round(age * NS)
        latest = await store.latest("ES", now_ns=now_ns)
        assert latest is not None
        assert (latest.flags, latest.status) == (flags, "stale" if flags else "ready")
        assert latest.age_s == pytest.approx(age)
        some = await store.latest("ES", ["rsi_14"], now_ns=now_ns)
        assert some is not None
        # No limit, never stale.
        assert (some.flags, some.status) == ({}, "ready")
        matrix = await store.latest_many(["ES"], NAMES, now_ns=now_ns)
        assert {name: "stale" for name, code in zip(NAMES, matrix.flags[0], strict=True) if code} == flags
        assert matrix.status[0] == CODES["stale" if flags else "ready"]
        again = store.judged_again(await anyway(store), now_ns=now_ns)
        assert (again.flags, again.status, again.age_s) == (latest.flags, latest.status, latest.age_s)


async def anyway(store: Store) -> Any:
    """As read at once after it was written."""
    return (await store.latest_records(["ES"], now_ns=T0 * NS))[0]


async def test_the_readers_clock_is_the_stores_unless_a_call_brings_one(store: Store) -> None:
    await put(store, record("ES", 1, 0, [1.0, 2.0, 3.0]))
    latest = await store.latest("ES")
    assert latest is not None
    assert latest.age_s == 5.0


async def test_a_worse_recorded_flag_stays_and_a_null_is_never_stale(store: Store) -> None:
    flags = b'{"sma_5":"gapped","mid":"unavailable"}'
    await put(store, record("ES", 1, 0, [1.0, 2.0, NAN], flags, status="gapped"))
    latest = await store.latest("ES", now_ns=(T0 + 1_000) * NS)
    assert latest is not None
    assert latest.flags == {"sma_5": "gapped", "mid": "unavailable"}
    assert latest.status == "gapped"
    some = await store.latest("ES", ["mid"])
    assert some is not None
    assert some.status == "ready", "unavailable does not count"


async def test_many_are_a_matrix(store: Store) -> None:
    await put(
        store,
        record("ES", 1, 1, [1.5, NAN, -0.0], b'{"rsi_14":"warming"}', status="warming"),
        record("BTC/USDT-USDT", 1, 4, [0.1, 1e-300, 5e-324]),
    )
    matrix = await store.latest_many(["BTC/USDT-USDT", "XX", "ES"], ["mid", "rsi_14"])
    assert (matrix.symbols, matrix.names, matrix.schema) == (("BTC/USDT-USDT", "XX", "ES"), ("mid", "rsi_14"), SCHEMA)
    expected = np.array([[5e-324, 1e-300], [NAN, NAN], [-0.0, NAN]])
    assert matrix.values.tobytes() == expected.tobytes()
    assert matrix.flags.tolist() == [[0, 0], [6, 6], [0, 3]]
    assert matrix.status.tolist() == [0, 6, 3]
    assert matrix.ts_ns.tolist() == [(T0 + 4) * NS, 0, (T0 + 1) * NS]
    assert np.array_equal(matrix.age_s, [1.0, NAN, 4.0], equal_nan=True)
    assert matrix.ids == ("ticks-3-1", "", "ticks-3-1")
    assert matrix.usable.tolist() == [[True, True], [False, False], [True, False]]
    whole = await store.latest_many(["ES"])
    assert whole.names == NAMES
    assert (await store.latest_many([], ["mid"])).values.shape == (0, 1)


async def test_as_of_gives_the_last_record_of_the_newest_completed_second(store: Store) -> None:
    await put(store, record("ES", 1, 0.1, [1.0, 1.0, 1.0]), record("ES", 2, 0.9, [2.0, 2.0, 2.0]))
    await put(store, record("ES", 3, 3.5, [3.0, NAN, 3.0], b'{"rsi_14":"undefined"}'))
    expected = {
        0.95: None,
        0.999999999: None,
        1.0: (0, 2.0, 2.0, "ticks-3-2", 0.1),
        3.999: (0, 2.0, 2.0, "ticks-3-2", 3.099),
        4.0: (3, 3.0, None, "ticks-3-3", 0.5),
    }
    for asked, answer in expected.items():
        found = await store.as_of("ES", ["sma_5", "rsi_14"], T0 * NS + round(asked * NS))
        if answer is None:
            assert found is None
            continue
        assert found is not None
        second, sma, rsi, id_, age = answer
        assert (found.second - T0, found.values, found.id) == (second, {"sma_5": sma, "rsi_14": rsi}, id_)
        assert found.flags == ({} if rsi is not None else {"rsi_14": "undefined"})
        assert found.age_s == pytest.approx(age)
        assert (found.schema, found.as_of_ns) == (SCHEMA, T0 * NS + round(asked * NS))
    everything = await store.as_of("ES", None, (T0 + 2) * NS)
    assert everything is not None
    assert everything.values == {"sma_5": 2.0, "rsi_14": 2.0}
    assert await store.as_of("NQ", None, (T0 + 2) * NS) is None


async def test_as_of_is_judged_at_its_own_moment(store: Store) -> None:
    await put(store, record("ES", 1, 0, [1.0, 1.0, 1.0]))
    for after, status in ((60, "ready"), (61, "stale")):
        found = await store.as_of("ES", ["sma_5"], (T0 + after) * NS)
        assert found is not None
        assert found.status == status


async def test_as_of_looks_no_further_than_history_lives(make: Make) -> None:
    store = make(ttl_s=100)
    await store.start()
    await put(store, record("ES", 1, 0, [1.0, 1.0, 1.0]))
    assert await store.as_of("ES", None, (T0 + 100) * NS) is not None
    assert await store.as_of("ES", None, (T0 + 101) * NS) is None
    await store.stop()


async def test_history_says_how_its_newest_point_is(store: Store) -> None:
    await put(store, record("ES", 1, 0.5, [1.0, 1.0, 1.0]), record("ES", 2, 2, [2.0, 2.0, 2.0], b'{"sma_5":"gapped"}'))
    found = await store.history("ES", "sma_5", T0 * NS, (T0 + 9) * NS)
    assert found.pairs == [(T0, 1.0), (T0 + 2, 2.0)]
    assert [(point.flag, point.id) for point in found.points] == [("ready", "ticks-3-1"), ("gapped", "ticks-3-2")]
    assert (found.status, found.age_s, found.schema) == ("gapped", 3.0, SCHEMA)
    late = await store.history("ES", "rsi_14", T0 * NS, (T0 + 9) * NS, now_ns=(T0 + 999) * NS)
    assert late.status == "ready", "it has no limit"
    none = await store.history("ES", "sma_5", (T0 + 5) * NS, (T0 + 9) * NS)
    assert (none.status, none.age_s, none.points) == ("absent", None, [])


async def test_names_are_checked_before_anything_is_read(store: Store) -> None:
    for ask in (
        store.latest("ES", ["sma_9"]),
        store.latest_many(["ES"], ["sma_9"]),
        store.history("ES", "mid", 0, NS),
        store.as_of("ES", ["mid"], NS),
        store.latest("ES", ["sma_5", "sma_5"]),
    ):
        with pytest.raises(FeatureNameError, match=r"sma_9|mid|twice"):
            await ask


async def test_a_set_is_described(store: Store) -> None:
    schema = await store.describe(SCHEMA)
    assert schema is not None
    assert (schema.outputs, schema.history, schema.life_s) == (NAMES, ("sma_5", "rsi_14"), 300)
    assert (schema.name, schema.units, schema.limits) == ("test", {"sma_5": "price"}, {"sma_5": 60.0, "mid": 10.0})
    assert await store.schemas() == [schema]
    assert await store.describe("ffffffffffff") is None


run_number = itertools.count()
numbers = st.floats(allow_nan=True, allow_infinity=True)
steps = st.lists(st.tuples(st.integers(0, 8), st.lists(numbers, min_size=3, max_size=3)), max_size=8)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=steps, asked=st.integers(0, 12))
async def test_as_of_is_the_plain_definition(store: Store, steps: Any, asked: int) -> None:
    symbol = f"S{next(run_number)}"
    writes = [record(symbol, offset, second, values) for offset, (second, values) in enumerate(steps)]
    await put(store, *writes)
    of_second: dict[int, FeatureWrite] = {}
    for (second, _), write in zip(steps, writes, strict=True):
        of_second[second] = write
    known = [second for second in of_second if second + 1 <= asked]
    found = await store.as_of(symbol, ["sma_5", "rsi_14"], (T0 + asked) * NS)
    if not known:
        assert found is None
    else:
        write = of_second[max(known)]
        assert found is not None
        assert (found.id, found.second) == (write.id, T0 + max(known))
        assert list(found.values.values()) == [v if math.isfinite(v) else None for v in write.values[:2]]
