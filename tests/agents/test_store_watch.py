"""The server's memory in the metrics."""

import asyncio
from typing import Any

from prometheus_client import CollectorRegistry

from agents.store_metrics import StoreMetrics
from agents.store_watch import StoreWatch
from streams.errors import RetryError
from tables.features.usage import Usage


class Store:
    """One that is away at the second look."""

    def __init__(self) -> None:
        self.looks = self.healed = 0
        self.enough = asyncio.Event()

    async def look(self) -> None:
        """Of healing."""
        self.healed += 1

    async def usage(self) -> Usage:
        self.looks += 1
        if self.looks == 2:
            raise RetryError("Redis at nowhere: gone")
        if self.looks == 4:
            self.enough.set()
        return Usage(used_bytes=100 + self.looks, max_bytes=1_000, own_bytes=7, keys=3, policy="noeviction")


async def test_it_looks_again_and_again() -> None:
    registry, store = CollectorRegistry(), Store()
    anything: Any = store
    watch = StoreWatch(anything, anything, StoreMetrics(registry), every_s=0.0)
    watch.start()
    async with asyncio.timeout(10):
        await store.enough.wait()
    await asyncio.sleep(0)
    watch.stop()
    watch.stop()
    used = registry.get_sample_value("hayate_store_used_bytes")
    assert used is not None
    assert used >= 103
    assert registry.get_sample_value("hayate_store_max_bytes") == 1_000
    assert registry.get_sample_value("hayate_store_keys") == 3
    assert store.healed >= 2
    looks = store.looks
    await asyncio.sleep(0.01)
    assert store.looks == looks
