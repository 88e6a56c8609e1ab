"""The servers that the tests themselves run on."""

import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis

from deploy.local import Endpoints
from deploy.local.addresses import check_given
from deploy.local.processes import wait_until
from deploy.local.state import State
from tests import services as services_module
from tests.services import CHECKOUT, docker_answers, running_services

DIES = """
import os, signal, sys
from pathlib import Path
from tests.services import running_services
with running_services({"HAYATE_TEST_KAFKA_URL": sys.argv[2], "PATH": ""}, Path(sys.argv[1])):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_both_servers_answer(services: Endpoints) -> None:
    check_given("HAYATE_KAFKA_URL", services.kafka_url)
    check_given("HAYATE_REDIS_URL", services.redis_url)


def test_the_database_is_filled(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_and_empty_for_the_next_test(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0


def test_prefixes_are_fit_for_topics(topic_prefix: str) -> None:
    assert topic_prefix.replace("-", "").isalnum()


def test_servers_given_by_the_environment_are_used_as_they_are(services: Endpoints, tmp_path: Path) -> None:
    env = {
        "HAYATE_TEST_KAFKA_URL": services.kafka_url,
        "HAYATE_TEST_REDIS_URL": services.redis_url,
        "HAYATE_KAFKA_URL": "kafka://a-developers-own:9092",
    }
    with running_services(env, tmp_path / "data") as endpoints:
        assert endpoints == services
    check_given("HAYATE_KAFKA_URL", services.kafka_url)


def test_servers_stop_when_the_tests_are_killed(services: Endpoints, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    command = [sys.executable, "-c", DIES, str(folder), services.kafka_url]
    child = subprocess.run(command, cwd=CHECKOUT, check=False, timeout=120)
    assert child.returncode == -9
    assert wait_until(lambda: not folder.exists(), 60)


def test_servers_stop_when_a_test_fails(services: Endpoints, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    process = None

    def failing() -> None:
        nonlocal process
        with running_services({"HAYATE_TEST_KAFKA_URL": services.kafka_url, "PATH": ""}, folder):
            process = State(folder).read()["redis"].process
            assert process.alive()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert process is not None
    assert not process.alive()
    assert not folder.exists()


def test_docker_is_not_asked_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services_module, "DOCKER_SOCKET", Path("/no/such/socket"))
    assert not docker_answers({})
    assert not docker_answers({"DOCKER_HOST": "tcp://127.0.0.1:1"}), "an engine that is down"
