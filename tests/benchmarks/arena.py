"""What most cases begin with: options of the command line, servers of their own, cores, and a file for the figures."""

import argparse
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from redis import Redis

from deploy.local import Endpoints, LocalStack
from tests.benchmarks.figures import Case
from tests.benchmarks.machine import Cores, machine, pin_servers

PORT = 19_492


class Ground(NamedTuple):
    """Where a case takes place."""

    services: Endpoints
    folder: Path
    cores: Cores
    machine: dict[str, str]
    """As it was before anything was started."""

    def describe(self, case: Case, **settings: Any) -> Case:
        """Note on a case where it was taken, and with what."""
        case.machine = dict(self.machine)
        case.settings = settings | {"pinned": str(self.cores)}
        return case

    def empty_redis(self) -> None:
        """Before each run of a worker: the newest record wins by its offset, and those of the run before have greater
        ones."""
        with Redis.from_url(self.services.redis_url) as client:
            client.flushdb()


@contextmanager
def ground() -> Iterator[Ground]:
    """Start Kafka and Redis in a folder that is gone afterwards, each process on its core."""
    # That a topic just made has no leader yet is no news.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    cores, before = Cores.here(), machine()
    with tempfile.TemporaryDirectory() as name:
        stack = LocalStack(Path(name) / "services", os.environ, kafka_port=PORT, redis_port=PORT + 1)
        try:
            services = stack.up()
            pin_servers(stack, cores)
            yield Ground(services, Path(name), cores, before)
        finally:
            stack.down(purge=True)


def parser(doc: str | None) -> argparse.ArgumentParser:
    """With the options that every case has."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--json", type=Path, help="file of the page, to which the figures are added")
    return made
