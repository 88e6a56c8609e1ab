"""The HTTP interface beside a real worker: it answers what the topics have, and is gone when the worker is."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import msgspec

from tests.e2e.world import World, free_port, until

KEY = "sesame-open-sesame"


async def test_features_and_signals_over_http_are_those_of_the_topics(
    make_world: Callable[..., World], tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"reader {KEY}\n", encoding="utf-8")
    port = free_port()
    world = make_world(partitions=2, HAYATE_API_PORT=str(port), HAYATE_API_KEYS_FILE=str(keys))
    worker = world.start_worker()
    await worker.ready()
    assert world.faust("simulate", "--count", "300", "--symbols", "5", "--rate", "3000").returncode == 0
    features = [msgspec.json.decode(one.value) for one in await world.read("features", 300, worker=worker)]
    signals = [msgspec.json.decode(one.value) for one in await world.read("signals", 300, worker=worker)]
    newest = {one["symbol"]: one for one in features}
    await until(lambda: worker.metric("hayate_redis_pending") == 0, "Redis has everything", worker)
    url = f"http://127.0.0.1:{port}/v1"
    async with httpx.AsyncClient(headers={"X-API-Key": KEY}, timeout=20) as client:
        assert (await client.get(f"{url}/symbols")).json()["symbols"] == sorted(newest)
        for symbol, record in newest.items():
            found = (await client.get(f"{url}/features/{symbol}")).json()
            assert {name: found[name] for name in ("id", "ts_ns", "schema", "price", "values")} == {
                name: record[name] for name in ("id", "ts_ns", "schema", "price", "values")
            }
            assert found["flags"] == record["flags"]
        for symbol, record in {one["symbol"]: one for one in signals}.items():
            found = {}
            async with asyncio.timeout(20):
                while found.get("signal") != record:
                    found = (await client.get(f"{url}/signals/{symbol}")).json()
        assert (await client.get(f"{url}/symbols", headers={"X-API-Key": "no"})).status_code == 401
        async with client.stream("GET", f"{url}/stream?symbols={next(iter(newest))}") as stream:
            assert stream.status_code == 200
            lines = stream.aiter_lines()
            while not (await anext(lines)).startswith("data"):
                pass
            assert worker.metric("hayate_api_streams") == 1
            begun = time.monotonic()
            stopping = asyncio.create_task(asyncio.to_thread(worker.stop))
            async for _ in lines:  # the worker ends the stream, and is not held up by it
                pass
        assert await stopping == 0
        assert time.monotonic() - begun < 30
