"""Kafka and Redis for the tests: given by the environment, else containers, else `deploy.local`; never skipped."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import SystemRandom

from deploy.local import Endpoints, LocalStack
from deploy.local.kafka import PROPERTIES, parse_properties

GIVEN = {"HAYATE_KAFKA_URL": "HAYATE_TEST_KAFKA_URL", "HAYATE_REDIS_URL": "HAYATE_TEST_REDIS_URL"}
"""What `LocalStack` reads, and the variable that sets it for tests: a developer's own servers are never touched."""

DOCKER_SOCKET = Path("/var/run/docker.sock")
CHECKOUT = Path(__file__).resolve().parent.parent

GUARD = """
import sys
from pathlib import Path
from deploy.local import LocalStack
sys.stdin.read()
LocalStack(Path(sys.argv[1]), {}).down(purge=True)
"""
"""Waits until the tests' end of its input closes, however they end (also by `kill -9`), then stops the servers."""


@contextmanager
def running_services(env: Mapping[str, str], folder: Path) -> Iterator[Endpoints]:
    """Yield servers that answer; those started here keep their data in `folder` and are gone afterwards."""
    urls = {variable: env[test] for variable, test in GIVEN.items() if test in env}
    with ExitStack() as cleanup:
        if len(urls) < len(GIVEN) and docker_answers(env):
            urls |= cleanup.enter_context(_containers(set(GIVEN) - set(urls)))
        cleanup.enter_context(purged_at_exit(folder))
        others = {name: value for name, value in env.items() if name not in GIVEN}
        # Away from the usual ports, and below those the kernel hands to outgoing connections: a client that tries a
        # stopped server there could be given the server's port as its own.
        port = SystemRandom().randrange(15_000, 30_000)
        yield LocalStack(folder, {**others, **urls}, kafka_port=port, redis_port=port - 1).up()


@contextmanager
def purged_at_exit(folder: Path) -> Iterator[None]:
    """Run `GUARD` over `folder`; leaving waits until it has stopped and removed everything."""
    guard = subprocess.Popen(
        [sys.executable, "-c", GUARD, str(folder)], stdin=subprocess.PIPE, cwd=CHECKOUT, start_new_session=True
    )
    try:
        yield
    finally:
        guard.communicate()
        assert guard.returncode == 0, f"the servers of {folder} were not stopped; see the guard's error above"


def docker_answers(env: Mapping[str, str]) -> bool:
    """Whether a Docker engine answers within two seconds."""
    if "DOCKER_HOST" not in env and not DOCKER_SOCKET.exists():
        return False
    import docker  # type: ignore[import-untyped]  # noqa: PLC0415 - untyped; half a second that few runs need

    try:
        client = docker.from_env(timeout=2, environment=dict(env))
        try:
            return bool(client.ping())
        finally:
            client.close()
    except docker.errors.DockerException:
        return False


@contextmanager
def _containers(wanted: set[str]) -> Iterator[dict[str, str]]:
    """Run a container for each wanted variable; yields their addresses.

    Kafka has the settings of deploy/local/server.properties. It must advertise the address that clients use, so its
    port on the host is chosen before it starts.
    """
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - only where Docker answers
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy  # noqa: PLC0415

    urls: dict[str, str] = {}
    with ExitStack() as cleanup:
        if "HAYATE_REDIS_URL" in wanted:
            redis = DockerContainer("redis:7-alpine").with_exposed_ports(6379)
            redis.waiting_for(LogMessageWaitStrategy("Ready to accept connections"))
            cleanup.enter_context(redis)
            urls["HAYATE_REDIS_URL"] = f"redis://{redis.get_container_host_ip()}:{redis.get_exposed_port(6379)}/0"
        if "HAYATE_KAFKA_URL" in wanted:
            port = SystemRandom().randrange(15_000, 30_000)
            kafka = DockerContainer("apache/kafka:4.3.0").with_bind_ports(9092, port)
            host = kafka.get_container_host_ip()
            changed = {
                "listeners": "PLAINTEXT://:9092,CONTROLLER://127.0.0.1:9093",
                "advertised.listeners": f"PLAINTEXT://{host}:{port}",
                "controller.quorum.voters": "1@127.0.0.1:9093",
            }
            for key, value in {**parse_properties(PROPERTIES.read_text(encoding="utf-8")), **changed}.items():
                if key != "controller.quorum.bootstrap.servers":  # excludes `voters`, which the image formats with
                    kafka.with_env("KAFKA_" + key.replace(".", "_").upper(), value)
            kafka.waiting_for(LogMessageWaitStrategy("Kafka Server started"))
            cleanup.enter_context(kafka)
            urls["HAYATE_KAFKA_URL"] = f"kafka://{host}:{port}"
        yield urls
