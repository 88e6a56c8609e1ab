"""Fixtures that every room's tests may use: real servers, and a corner of each that belongs to one test."""

import os
from collections.abc import Iterator
from uuid import uuid4

import pytest
from redis import Redis

from deploy.local import Endpoints
from tests.services import running_services


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    """Addresses of a real Kafka (`kafka_url`, `bootstrap_servers`) and Redis (`redis_url`) that answer."""
    with running_services(os.environ, tmp_path_factory.mktemp("services")) as endpoints:
        yield endpoints


@pytest.fixture
def redis_url(services: Endpoints) -> str:
    """Address of a Redis database that is empty when the test begins; its functions stay loaded between tests."""
    with Redis.from_url(services.redis_url) as client:
        client.flushdb()
    return services.redis_url


@pytest.fixture
def topic_prefix() -> str:
    """Prefix for topic names and groups that no other test shares: tests use one Kafka side by side."""
    return f"t{uuid4().hex[:8]}-"
