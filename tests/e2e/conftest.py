"""Worlds: topics, Redis and workers of one test module or one test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from redis import Redis

from deploy.local import Endpoints
from tests.e2e.world import World


@pytest.fixture
def make_world(services: Endpoints, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes a world with its topics created and Redis emptied; its workers are gone afterwards."""
    worlds: list[World] = []

    def make(*, partitions: int = 8, **settings: str) -> World:
        with Redis.from_url(services.redis_url) as client:
            client.flushdb()
        world = World(services, f"t{uuid4().hex[:8]}-", tmp_path, partitions, settings)
        worlds.append(world)
        world.create_topics()
        return world

    yield make
    for world in worlds:
        world.close()
