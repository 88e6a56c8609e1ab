"""The contract of feature stores, held by Redis and by the twin in memory alike."""

import itertools
import json
import math
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.errors import ConfigError
from tables.feature_store import RealTimeFeatureStore
from tables.features.contract import FeatureStore, FeatureWrite
from tables.features.store_memory import MemoryFeatureStore
from tables.sealing import Sealer

NAMES = ("sma_5", "rsi_14", "bb_upper_10_1.5")
SCHEMA = "0123456789ab"
T0 = 1_790_000_000
"""A Unix second: 2026-09-21T14:13:20Z."""
NS = 1_000_000_000
NAN = math.nan

Make = Callable[..., FeatureStore]


def record(symbol: str, offset: int, second: int, values: Sequence[float], **other: Any) -> FeatureWrite:
    """A record `second` seconds after T0, with what nobody asked about filled in."""
    fields: dict[str, Any] = {"partition": 3, "id": f"ticks-3-{offset}", "status": "ready", "price": 100.5} | other
    return FeatureWrite(symbol=symbol, offset=offset, ts_ns=(T0 + second) * NS + 123_456_789, values=values, **fields)


@pytest.fixture(params=["memory", "redis", "beside", "sealed"])
def make(request: pytest.FixtureRequest) -> Make:
    if request.param == "memory":
        return partial(MemoryFeatureStore, names=NAMES, schema=SCHEMA)
    url = request.getfixturevalue("redis_url")
    sealer = Sealer({"k1": bytes(32)}) if request.param == "sealed" else None
    return partial(
        RealTimeFeatureStore, url, sealer=sealer, names=NAMES, schema=SCHEMA, beside=request.param == "beside"
    )


@pytest.fixture
async def store(make: Make) -> AsyncIterator[FeatureStore]:
    store = make()
    await store.start()
    yield store
    await store.stop()


async def history(store: FeatureStore, symbol: str, name: str, until: int = 60) -> dict[int, float]:
    """Values by second after T0."""
    found = (await store.history(symbol, name, T0 * NS, (T0 + until) * NS)).pairs
    assert found == sorted(found)
    return {second - T0: value for second, value in found}


async def test_the_newest_record_is_read_back(store: FeatureStore) -> None:
    flags = {"rsi_14": "warming"}
    store.put_many(
        [record("BTC/USDT-USDT", 7, 0, [1.5, NAN, -2e-7], status="warming", flags=json.dumps(flags).encode())]
    )
    await store.flush()
    latest = await store.latest("BTC/USDT-USDT")
    assert latest is not None
    assert latest.symbol == "BTC/USDT-USDT"
    assert latest.ts_ns == T0 * NS + 123_456_789
    assert latest.schema == SCHEMA
    assert latest.status == "warming"
    assert latest.id == "ticks-3-7"
    assert latest.price == 100.5
    assert latest.values == {"sma_5": 1.5, "rsi_14": None, "bb_upper_10_1.5": -2e-7}
    assert latest.flags == flags
    assert (store.written, store.ignored, store.dropped, store.errors, store.pending) == (1, 0, 0, 0, 0)
    assert store.up


async def test_some_names_are_read(store: FeatureStore) -> None:
    store.put_many([record("ES", 7, 0, [1.0, NAN, 3.0])])
    await store.flush()
    latest = await store.latest("ES", ["bb_upper_10_1.5", "rsi_14"])
    assert latest is not None
    assert latest.values == {"bb_upper_10_1.5": 3.0, "rsi_14": None}
    # A null that was written without its flag must not look usable either.
    assert (latest.id, latest.price, latest.flags) == ("ticks-3-7", 100.5, {"rsi_14": "undefined"})


async def test_what_is_not_there(store: FeatureStore) -> None:
    assert await store.latest("ES") is None
    assert await store.latest("ES", ["sma_5"]) is None
    assert await history(store, "ES", "sma_5") == {}
    assert await store.symbols() == []


async def test_a_name_of_no_feature_is_refused(store: FeatureStore) -> None:
    with pytest.raises(ConfigError, match=f"'sma_99' is not in feature set {SCHEMA}.*sma_5, rsi_14"):
        await store.latest("ES", ["sma_99"])
    with pytest.raises(ConfigError, match="'sma_99'"):
        await store.history("ES", "sma_99", 0, NS)


async def test_a_longer_history_than_a_day_is_refused(store: FeatureStore) -> None:
    assert (await store.history("ES", "sma_5", 0, 86_400 * NS)).pairs == []
    with pytest.raises(ValueError, match="spans 86401 seconds: ask for at most 86400"):
        await store.history("ES", "sma_5", 0, 86_401 * NS)


async def test_history_holds_the_seconds_that_begin_in_the_range(store: FeatureStore) -> None:
    store.put_many([record("ES", n, n, [float(n), NAN, NAN]) for n in range(5)])
    await store.flush()
    assert await history(store, "ES", "sma_5") == {n: float(n) for n in range(5)}
    assert (await store.history("ES", "sma_5", (T0 + 1) * NS, (T0 + 3) * NS)).pairs == [(T0 + 1, 1.0), (T0 + 2, 2.0)]
    late = await store.history("ES", "sma_5", (T0 + 1) * NS + 1, (T0 + 3) * NS + 1)
    assert late.pairs == [(T0 + 2, 2.0), (T0 + 3, 3.0)]
    assert (await store.history("ES", "sma_5", (T0 + 3) * NS, (T0 + 1) * NS)).pairs == []


async def test_a_null_takes_the_place_of_an_earlier_value(store: FeatureStore) -> None:
    store.put_many([record("ES", 1, 0, [1.0, 2.0, 3.0])])
    await store.flush()
    store.put_many([record("ES", 2, 0, [NAN, 4.0, math.inf], price=NAN)])
    await store.flush()
    latest = await store.latest("ES")
    assert latest is not None
    assert latest.price is None
    assert latest.values == {"sma_5": None, "rsi_14": 4.0, "bb_upper_10_1.5": None}
    assert await history(store, "ES", "sma_5") == {}
    assert await history(store, "ES", "rsi_14") == {0: 4.0}
    assert await history(store, "ES", "bb_upper_10_1.5") == {}


@pytest.mark.parametrize("kept", [("rsi_14",), ("bb_upper_10_1.5", "sma_5"), ()])
async def test_only_the_outputs_named_keep_history(make: Make, kept: tuple[str, ...]) -> None:
    store = make(history=kept)
    await store.start()
    for offset, values in enumerate([[1.0, 2.0, 3.0], [NAN, 5.0, NAN], [7.0, NAN, 9.0]]):
        store.put_many([record("ES", offset, offset // 2, values)])
        await store.flush()
    latest = await store.latest("ES")
    assert latest is not None
    assert latest.values == {"sma_5": 7.0, "rsi_14": None, "bb_upper_10_1.5": 9.0}
    expected = {"sma_5": {1: 7.0}, "rsi_14": {0: 5.0}, "bb_upper_10_1.5": {1: 9.0}}
    for name in NAMES:
        if name in kept:
            assert await history(store, "ES", name) == expected[name]
        else:
            with pytest.raises(
                ConfigError, match=f"'{name}' keeps no history in feature set {SCHEMA}: add .*`history`"
            ):
                await history(store, "ES", name)
    await store.stop()


def test_a_name_of_no_feature_keeps_no_history(make: Make) -> None:
    with pytest.raises(ConfigError, match=r"history: 'sma_99' is no output.*sma_5, rsi_14"):
        make(history=["sma_5", "sma_99"])


async def test_offsets_beyond_two_to_the_53_are_told_apart(store: FeatureStore) -> None:
    for offset in (2**53, 2**53 + 1, 2**53, 2**63 - 2, 2**63 - 1, 2**63 - 2, 9):
        store.put_many([record("ES", offset, 0, [float(offset), NAN, NAN])])
        await store.flush()
    latest = await store.latest("ES")
    assert latest is not None
    assert latest.id == f"ticks-3-{2**63 - 1}"
    assert (store.written, store.ignored) == (4, 3)


async def test_another_partition_is_newer(store: FeatureStore) -> None:
    store.put_many([record("ES", 900, 0, [1.0, 1.0, 1.0], partition=3)])
    await store.flush()
    store.put_many([record("ES", 5, 0, [2.0, 2.0, 2.0], partition=4)])
    await store.flush()
    assert await history(store, "ES", "sma_5") == {0: 2.0}


async def test_symbols_are_sorted(store: FeatureStore) -> None:
    store.put_many([record(symbol, 1, 0, [1.0, 1.0, 1.0]) for symbol in ("SIM002", "ES", "SIM001", "ES")])
    await store.flush()
    assert await store.symbols() == ["ES", "SIM001", "SIM002"]


async def test_callbacks_come_once_and_in_order(store: FeatureStore) -> None:
    calls: list[int] = []
    for n in range(5):
        store.put_many([record("ES", n, 0, [1.0, 1.0, 1.0])], partial(calls.append, n))
    store.put_many([], lambda: calls.append(5))
    await store.flush()
    assert calls == [0, 1, 2, 3, 4, 5]


async def test_a_record_of_another_width_is_refused_at_once(store: FeatureStore) -> None:
    with pytest.raises(ValueError, match="ticks-3-1: 2 values for the 3 names"):
        store.put_many([record("ES", 1, 0, [1.0, 2.0])])


@pytest.mark.parametrize("make_store", [MemoryFeatureStore, RealTimeFeatureStore])
@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["sma_5", "price"], "'price'.*rename"),
        (["_offset"], "'_offset'"),
        (["a:b"], "'a:b'"),
        ([""], "''"),
        (["sma_5", "rsi_14", "sma_5"], "'sma_5' occurs twice"),
    ],
)
def test_names_that_cannot_be_fields_are_refused(make_store: Any, names: list[str], message: str) -> None:
    address = () if make_store is MemoryFeatureStore else ("redis://127.0.0.1:1/0",)
    with pytest.raises(ConfigError, match=message):
        make_store(*address, names=names, schema=SCHEMA)


async def test_in_memory_records_expire_like_keys() -> None:
    now = 0.0
    store = MemoryFeatureStore(names=NAMES, schema=SCHEMA, ttl_s=10, latest_ttl_s=100, clock=lambda: now)
    store.put_many([record("ES", 1, 0, [1.0, 1.0, 1.0])])
    now = 5.0
    store.put_many([record("ES", 2, 1, [2.0, 2.0, 2.0]), record("NQ", 1, 0, [3.0, 3.0, 3.0])])
    now = 10.0
    assert await history(store, "ES", "sma_5") == {1: 2.0}
    now = 104.9
    store.put_many([record("NQ", 2, 0, [3.0, 3.0, 3.0])])
    assert await store.symbols() == ["ES", "NQ"]
    now = 105.0
    assert await store.symbols() == ["NQ"]
    assert await store.latest("ES") is None


class Model:
    """The contract's rules 1 to 3 in the plainest form."""

    def __init__(self) -> None:
        self.newest: dict[str, FeatureWrite] = {}
        self.seconds: dict[tuple[str, int], FeatureWrite] = {}

    def put(self, write: FeatureWrite) -> None:
        last = self.newest.get(write.symbol)
        if last is not None and last.partition == write.partition and last.offset >= write.offset:
            return
        self.newest[write.symbol] = write
        self.seconds[write.symbol, write.ts_ns // NS - T0] = write


def or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


offsets = st.integers(0, 12) | st.integers(2**53 - 3, 2**53 + 3)
values = st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=3, max_size=3)
steps = st.lists(st.lists(st.tuples(st.sampled_from("AB"), offsets, st.integers(0, 3), values)), max_size=6)
run_number = itertools.count()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=steps, moved_at=st.integers(0, 6))
async def test_any_order_of_puts_and_flushes_gives_what_the_rules_say(
    store: FeatureStore, steps: Any, moved_at: int
) -> None:
    model = Model()
    # Symbols of their own for every example: emptying the store would cost more than the test.
    run = next(run_number)
    for number, step in enumerate(steps):
        partition = 3 if number < moved_at else 4
        writes = [record(f"{s}{run}", offset, sec, v, partition=partition) for s, offset, sec, v in step]
        for write in writes:
            model.put(write)
        store.put_many(writes)
        await store.flush()
    for symbol, write in model.newest.items():
        latest = await store.latest(symbol)
        assert latest is not None
        assert latest.id == write.id
        assert latest.ts_ns == write.ts_ns
        assert latest.values == {n: or_none(v) for n, v in zip(NAMES, write.values, strict=True)}
        for column, name in enumerate(NAMES):
            expected = {
                second: write.values[column]
                for (owner, second), write in model.seconds.items()
                if owner == symbol and math.isfinite(write.values[column])
            }
            assert await history(store, symbol, name, until=4) == expected


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(value=st.floats(allow_nan=False, allow_infinity=False))
async def test_doubles_read_back_bit_for_bit(store: FeatureStore, value: float) -> None:
    symbol = f"X{next(run_number)}"
    store.put_many([record(symbol, 1, 0, [value, -value, 0.1], price=value)])
    await store.flush()
    latest = await store.latest(symbol)
    assert latest is not None
    read = [latest.price, latest.values["sma_5"], (await history(store, symbol, "sma_5"))[0]]
    assert {struct.pack("<d", number) for number in read} == {struct.pack("<d", value)}
    assert struct.pack("<d", latest.values["rsi_14"]) == struct.pack("<d", -value)
