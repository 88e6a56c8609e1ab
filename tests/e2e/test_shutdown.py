"""SIGTERM to a real worker under load while its servers hang: it ends within its time, whatever they do."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from redis import Redis

from deploy.local import Endpoints
from deploy.local.state import State
from tests.e2e.world import Worker, World, tail_of, until
from tests.services import running_services

LIMIT_S = 10.0
"""As issue 4 has it."""
OWN = {"HAYATE_TEST_KAFKA_URL", "HAYATE_TEST_REDIS_URL"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of servers that nobody else uses."""
    return tmp_path_factory.mktemp("own")


@pytest.fixture(scope="module")
def own_services(folder: Path) -> Iterator[Endpoints]:
    """Servers that can be stopped."""
    env = {name: value for name, value in os.environ.items() if name not in OWN}
    with running_services(env, folder) as endpoints:
        if not State(folder).read():
            pytest.skip("the servers run in containers, whose processes are not ours to stop")
        yield endpoints


@pytest.fixture
def world(own_services: Endpoints, tmp_path: Path) -> Iterator[World]:
    """Topics of its own, and a Redis with nothing in it."""
    with Redis.from_url(own_services.redis_url) as client:
        client.flushall()
    made = World(own_services, f"t{uuid4().hex[:8]}-", tmp_path, 4)
    made.create_topics()
    yield made
    made.close()


class Hanging:
    """Servers that take every connection and answer nobody."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        running = State(folder).read()
        self._pids = [running[name].process.pid for name in names]

    def __enter__(self) -> None:
        for pid in self._pids:
            os.kill(pid, signal.SIGSTOP)

    def __exit__(self, *_: object) -> None:
        for pid in self._pids:
            os.kill(pid, signal.SIGCONT)


def terminate(worker: Worker) -> tuple[int, float]:
    """Exit status, and the seconds that it took."""
    began = time.monotonic()
    status = worker.stop()
    return status, time.monotonic() - began


@pytest.mark.parametrize(
    ("names", "status"), [(["redis"], 0), (["kafka"], 1), (["kafka", "redis"], 1)], ids=["redis", "kafka", "both"]
)
async def test_it_ends_in_time(folder: Path, world: World, names: list[str], status: int) -> None:
    """And with success where the last checkpoint could be taken. Nothing is missing or twice afterwards."""
    worker = world.start_worker()
    await worker.ready()
    feed = world.feed("simulate", "--symbols", "40", "--rate", "1000", "--count", "8000")
    await until(lambda: worker.has_more("hayate_features_total", 100), "features flow", worker)
    # Most of the ticks are yet to come, so there is something to be saved that cannot be.
    with Hanging(folder, names):
        ended, seconds = await asyncio.to_thread(terminate, worker)
    assert seconds < LIMIT_S
    assert ended == status, tail_of(worker.log)
    again = world.start_worker()
    await again.ready()
    assert await asyncio.to_thread(feed.wait, 90) == 0
    assert await world.check(again) == 8_000
    # What a checkpoint covered that Redis did not have is filled in from the topic.
    await until(lambda: world.faust("store", "verify").returncode == 0, "Redis has what the topic has", again)
    assert again.stop() == 0
