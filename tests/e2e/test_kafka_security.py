"""A worker and the commands on a Kafka that wants TLS both ways and a login."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from deploy.local import Endpoints
from tests.e2e.secured_kafka import PASSWORD, SecuredKafka, secured_kafka
from tests.e2e.world import World, until

TICKS = 500


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    with secured_kafka(tmp_path_factory.mktemp("secured-kafka"), os.environ) as server:
        yield server


@pytest.fixture
def world(kafka: SecuredKafka, services: Endpoints, tmp_path: Path) -> Iterator[World]:
    with Redis.from_url(services.redis_url) as client:
        client.flushdb()
    made = World(Endpoints(kafka.plain_url, services.redis_url), "secured-", tmp_path, 2, dict(kafka.settings))
    yield made
    made.close()


async def test_everything_goes_over_tls_with_a_login(world: World, tmp_path: Path) -> None:
    world.create_topics()
    worker = world.start_worker()
    await worker.ready()
    for command in (
        ("simulate", "--symbols", "3", "--rate", "1000", "--count", str(TICKS)),
        ("state", "show"),
    ):
        done = world.faust(*command)
        assert done.returncode == 0, done.stderr
    await until(lambda: worker.metric("hayate_signals_total") >= TICKS, "all signals are there", worker)
    done = world.faust("export", "--out", str(tmp_path / "features.csv"))
    assert done.returncode == 0, done.stderr
    assert f"{TICKS} rows of 3 symbols" in done.stdout
    # Killed: its rows come back from the changelog, over the same kind of connection.
    worker.process.kill()
    worker.process.wait()
    again = world.start_worker("two")
    await again.ready()
    assert again.stop() == 0
    for log in (worker.log, again.log):
        assert PASSWORD not in log.read_text()


def test_who_is_not_let_in_is_told_and_no_secret_is(world: World, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("s3cret-and-wrong\n")
    for settings in (
        {"HAYATE_KAFKA_PASSWORD_FILE": str(wrong)},
        {"HAYATE_KAFKA_CERT_FILE": "", "HAYATE_KAFKA_KEY_FILE": ""},
        {"HAYATE_KAFKA_URL": world.settings["HAYATE_KAFKA_URL"].replace("localhost", "127.0.0.1")},
    ):
        env = {key: value for key, value in settings.items() if value}
        world.settings = {k: v for k, v in world.settings.items() if settings.get(k) != ""}
        done = world.faust("topics", **env)
        assert done.returncode == 1
        assert "HAYATE_KAFKA_SECURITY" in done.stderr
        assert "s3cret" not in done.stderr + done.stdout
        assert PASSWORD not in done.stderr + done.stdout
