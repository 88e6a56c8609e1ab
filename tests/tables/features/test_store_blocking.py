"""The blocking client: the same answers, from any thread, and an end."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from streams.errors import RetryError
from tables.feature_store import RealTimeFeatureStore
from tables.features.contract import FeatureWrite
from tables.features.store_blocking import BlockingFeatureStore

NS = 1_000_000_000
T0 = 1_790_000_000


async def _written(redis_url: str) -> None:
    store = RealTimeFeatureStore(redis_url, names=("a", "b"), schema="aaaaaaaaaaaa")
    await store.start()
    store.put_many([FeatureWrite("ES", 0, 1, T0 * NS, "t-0-1", "ready", 1.0, [1.5, 2.5])])
    await store.stop()


def test_the_same_answers_from_many_threads(redis_url: str) -> None:
    asyncio.run(_written(redis_url))
    with BlockingFeatureStore(redis_url) as store, ThreadPoolExecutor(8) as threads:
        for found in threads.map(lambda _: store.latest("ES", ["b"]), range(50)):
            assert found is not None
            assert found.values == {"b": 2.5}
        assert store.latest_many(["ES"], ["a", "b"]).values.tolist() == [[1.5, 2.5]]
        assert store.history("ES", "a", T0 * NS, (T0 + 2) * NS).pairs == [(T0, 1.5)]
        past = store.as_of("ES", None, (T0 + 2) * NS)
        assert past is not None
        assert past.values == {"a": 1.5, "b": 2.5}
        assert store.symbols() == ["ES"]
        assert [schema.outputs for schema in store.schemas()] == [("a", "b")]
    store.close()
    with pytest.raises(RuntimeError, match="is closed"):
        store.latest("ES")


def test_a_server_that_is_not_there_is_said(unused_tcp_port: int) -> None:
    url = f"redis://127.0.0.1:{unused_tcp_port}/0"
    with (
        BlockingFeatureStore(url, timeout_s=1) as store,
        pytest.raises(RetryError, match=str(unused_tcp_port)),
    ):
        store.symbols()
    BlockingFeatureStore("redis://127.0.0.1:1/0").close()
