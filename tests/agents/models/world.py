"""Managers and promotions on a real Kafka."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry

from agents.models.desk import PromotionDesk, opened_desk
from agents.models.manager import ModelManager
from agents.models.metrics import ModelMetrics
from agents.models.records import Promotion, Role
from agents.models.setup import manager_for
from streams.feature_set import FeatureSet
from streams.settings import Settings
from tables.models.setup import registry_for

DEADLINE_S = 60.0


async def until(condition: Callable[[], object]) -> None:
    """Await a condition that is polled."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {DEADLINE_S:g} s"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def running(settings: Settings, feature_set: FeatureSet | None = None) -> AsyncIterator[ModelManager]:
    """A manager as a worker has it."""
    manager = manager_for(
        settings, feature_set or FeatureSet.load(settings.feature_set), ModelMetrics(CollectorRegistry())
    )
    await manager.start()
    try:
        yield manager
    finally:
        await manager.stop()


async def promote(
    settings: Settings, model: str, role: Role = "champion", *, share: float = 0.0, lead_s: float = 3.0
) -> Promotion:
    """As the command does."""
    async with opened_desk(settings, registry_for(settings)) as desk:
        return await desk.promote(model, role, share, lead_s, "a test")


async def at_desk(settings: Settings, do: Callable[[PromotionDesk], object]) -> object:
    """Something at a desk that has just read the log."""
    async with opened_desk(settings, registry_for(settings)) as desk:
        return do(desk)


async def fill(settings: Settings, count: int) -> None:
    """Some records in every partition of `features`."""
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_url.removeprefix("kafka://")) as producer:
        for partition in range(settings.partitions):
            for _ in range(count):
                await producer.send(settings.topic("features"), b"{}", partition=partition)
        await producer.flush()
