"""Servers of this suite alone, for they are killed; an arena of topics for each test."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from random import SystemRandom
from uuid import uuid4

import pytest
from redis import Redis

from deploy.local import Endpoints, LocalStack
from tests.e2e.world import World
from tests.faults.arena import PARTITIONS, SESSION_S, Arena
from tests.faults.report import Report
from tests.services import GIVEN, purged_at_exit


@pytest.fixture(scope="session")
def seed() -> int:
    """Of every schedule in this run; `SEED=` repeats one."""
    return int(os.environ.get("SEED") or SystemRandom().randrange(1_000_000))


REPORT = pytest.StashKey[Report]()


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config, seed: int) -> Report:
    """What the suite measures; shown at the end."""
    return pytestconfig.stash.setdefault(REPORT, Report(seed))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the table, and keep it as JSON where `FAULTS_REPORT` says."""
    report = config.stash.get(REPORT, None)
    if report is not None and report.ticks:
        terminalreporter.section("faults")
        for line in report.lines():
            terminalreporter.write_line(line)
        if path := os.environ.get("FAULTS_REPORT"):
            report.write(Path(path))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """Kafka and Redis that a test may kill."""
    folder = tmp_path_factory.mktemp("servers")
    port = SystemRandom().randrange(15_000, 30_000)
    env = {name: value for name, value in os.environ.items() if name not in GIVEN}
    with purged_at_exit(folder):
        stack = LocalStack(folder, env, kafka_port=port, redis_port=port - 1)
        stack.up()
        yield stack


@pytest.fixture
async def make_arena(
    stack: LocalStack, tmp_path: Path, seed: int, request: pytest.FixtureRequest
) -> AsyncIterator[Callable[..., Awaitable[Arena]]]:
    """Makes an arena with its topics created and Redis emptied; what it did is printed, which pytest shows for a
    failed test."""
    arenas: list[Arena] = []

    async def make(**settings: str) -> Arena:
        services = stack.up()
        with Redis.from_url(services.redis_url) as client:
            client.flushdb()
        defaults = {"HAYATE_SESSION_TIMEOUT_S": f"{SESSION_S:g}", "HAYATE_CHECKPOINT_MS": "300"}
        place = Endpoints(services.kafka_url, services.redis_url)
        world = World(place, f"f{uuid4().hex[:8]}-", tmp_path, PARTITIONS, defaults | settings)
        arena = Arena(world, stack, seed)
        arenas.append(arena)
        await arena.prepare()
        return arena

    yield make
    for arena in arenas:
        arena.close()
        await arena.remove()
        print(f"{request.node.name}: SEED={seed}\n" + "\n".join(arena.said))
