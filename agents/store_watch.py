"""Looks at Redis every few seconds: at its memory for the metrics, and whether it still has what it had."""

import asyncio
import logging

from agents.healing import Healing
from agents.store_metrics import StoreMetrics
from streams.errors import HayateError
from tables.feature_store import RealTimeFeatureStore

log = logging.getLogger(__name__)

EVERY_S = 5.0


class StoreWatch:
    """A task of the worker; what it cannot see now it leaves as it was."""

    def __init__(
        self, store: RealTimeFeatureStore, healing: Healing, metrics: StoreMetrics, *, every_s: float = EVERY_S
    ) -> None:
        self._store = store
        self._healing = healing
        self._metrics = metrics
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._look(), name="memory of Redis")

    def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _look(self) -> None:
        while True:
            try:
                self._metrics.set_usage(await self._store.usage())
                await self._healing.look()
            except HayateError as error:
                log.debug("memory of Redis: %s", error)  # the store says when it is away
            await asyncio.sleep(self._every_s)
