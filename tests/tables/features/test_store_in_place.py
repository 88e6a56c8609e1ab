"""The hash of the latest values is written over in place: nothing of what was there before stays in it."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from tables.feature_store import RealTimeFeatureStore
from tables.features.contract import FeatureWrite
from tables.sealing import Sealer

NS = 1_000_000_000
T0_NS = 1_790_000_000 * NS
LATEST = "feature:ES:latest"
NAMES = {"0123456789ab": ("sma_5", "rsi_14"), "ba9876543210": ("sma_5", "vwap", "obv")}
"""Schema -> its values."""
Step = tuple[FeatureWrite, str, bool]
"""A record, its schema, and whether it is sealed."""


@pytest.fixture
def raw(redis_url: str) -> Iterator["Redis"]:
    with Redis.from_url(redis_url) as client:
        yield client


@st.composite
def a_step(draw: st.DrawFn) -> Step:
    """With or without each of what a record may lack."""
    schema = draw(st.sampled_from(sorted(NAMES)))
    number = st.sampled_from([1.5, math.nan])
    write = FeatureWrite(
        "ES", 0, 0, T0_NS, "ticks-0-0", "ready", draw(st.sampled_from([100.5, None])),
        [draw(number) for _ in NAMES[schema]], draw(st.sampled_from([b"", b'{"sma_5":"warming"}'])),
    )  # fmt: skip
    return write, schema, draw(st.booleans())


async def put(url: str, step: Step, offset: int) -> None:
    write, schema, sealed = step
    options: dict[str, Any] = {"names": NAMES[schema], "schema": schema, "history": ()}
    store = RealTimeFeatureStore(url, sealer=Sealer({"k": bytes(32)}) if sealed else None, **options)
    await store.start()
    fields = {name: getattr(write, name) for name in write.__struct_fields__} | {"offset": offset}
    store.put_many([FeatureWrite(**fields)])
    await store.flush()
    await store.stop()


def found(raw: "Redis") -> dict[bytes, bytes]:
    """The hash; what is sealed is never the same twice."""
    fields: dict[bytes, bytes] = raw.hgetall(LATEST)  # type: ignore[assignment]
    return {name: b"" if name == b"sealed" else value for name, value in fields.items()}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(a_step(), min_size=2, max_size=4))
async def test_it_is_as_if_the_newest_record_were_the_only_one(steps: list[Step], redis_url: str, raw: "Redis") -> None:
    raw.delete(LATEST)
    await put(redis_url, steps[-1], len(steps))
    alone = found(raw)
    raw.delete(LATEST)
    for offset, step in enumerate(steps, start=1):
        await put(redis_url, step, offset)
    assert found(raw) == alone
    assert raw.ttl(LATEST) > 0
