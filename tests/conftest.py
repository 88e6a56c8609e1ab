"""What every room's tests share: real servers, a corner of each that belongs to one test, and Hypothesis' settings."""

import os
from collections.abc import Iterator
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from redis import Redis

from deploy.local import Endpoints
from tests.services import running_services

# No property fails because the machine is busy: the first example may compile, and other tests run beside this one.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


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
