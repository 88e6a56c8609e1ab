"""Kafka and Redis of one checkout: started, found again, stopped."""

import os
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.addresses import check_given, shown
from deploy.local.errors import LocalError
from deploy.local.files import file_lock, last_lines
from deploy.local.kafka import KafkaServer
from deploy.local.progress import Progress, Silent
from deploy.local.redis import RedisServer
from deploy.local.server import Server
from deploy.local.starting import answers, ready, start
from deploy.local.state import Running, State
from streams.errors import ConfigError

DEFAULT_FOLDER = Path(__file__).resolve().parents[2] / ".hayate" / "local"
"""Data and logs of the checkout that this file is in."""
ANSWER_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Endpoints:
    """Where the two servers answer, in the form of Hayate's settings."""

    kafka_url: str
    redis_url: str

    @property
    def bootstrap_servers(self) -> str:
        """`host:port`, several separated by commas, as Kafka clients want it."""
        places = (part.rsplit("://", 1)[-1] for part in self.kafka_url.replace(",", ";").split(";"))
        return ",".join(places)


@dataclass(frozen=True)
class Status:
    """How one server is."""

    name: str
    up: bool
    line: str
    """The same for a person: where, which, or why not."""


class LocalStack:
    """The servers whose data and logs are in `folder`; addresses in `env` (`HAYATE_KAFKA_URL`, `HAYATE_REDIS_URL`) win.

    The servers run in sessions of their own and outlive this process; any later `LocalStack` of the same folder finds
    them. All calls block (up to 90 s for a start on a busy machine): from a coroutine use `asyncio.to_thread`. Several
    processes may call at once; they take turns.
    """

    def __init__(
        self, folder: Path, env: Mapping[str, str] = os.environ, *, kafka_port: int = 9092, redis_port: int = 6379
    ) -> None:
        self.folder = folder.absolute()
        self._env = env
        self._state = State(self.folder)
        self._servers: tuple[Server, ...] = (
            RedisServer(self.folder / "redis", env),
            KafkaServer(self.folder / "kafka", env),
        )
        self._usual_ports = {"kafka": kafka_port, "redis": redis_port}

    def up(self, progress: Progress | None = None) -> Endpoints:
        """Have both servers answer: those given, those that run already, and the others started on free ports.

        A server that stopped comes back on the port it had, if that is still free. What this call started is stopped
        again if it fails or is interrupted.

        Raises:
            LocalError: with the last lines of the log and the remedy.
            ConfigError: nobody answers at an address of the environment.
        """
        progress = progress or Silent()
        urls = {}
        started: list[Server] = []
        with self._lock(progress):
            try:
                for server in self._servers:
                    urls[server.name] = self._ensure(server, started, progress)
            except BaseException:
                for server in reversed(started):
                    self._stop(server, progress)
                raise
        return Endpoints(kafka_url=urls["kafka"], redis_url=urls["redis"])

    def down(self, *, purge: bool = False, progress: Progress | None = None) -> None:
        """Stop what was started here, and nothing else; with `purge` also remove data and logs.

        Raises:
            LocalError: a process cannot be ended.
        """
        progress = progress or Silent()
        if not self.folder.exists():
            progress.say("nothing runs here")
            return
        with self._lock(progress):
            for server in reversed(self._servers):
                if not self._stop(server, progress):
                    progress.say(f"{server.name}: was not running")
            if purge:
                self._purge(progress)

    def status(self) -> list[Status]:
        """How each server is, by asking it."""
        return [self._status(server) for server in self._servers]

    def logs(self, name: str, lines: int) -> list[tuple[Path, list[str]]]:
        """The last lines of each log file of a server that has any."""
        texts = [(path, last_lines(path, lines)) for path in self._server(name).logs]
        return [(path, text) for path, text in texts if text]

    def pid(self, name: str) -> int | None:
        """Process id of `kafka` or `redis` if it was started here and runs."""
        record = self._record(name)
        return record.process.pid if record else None

    def stop(self, name: str) -> None:
        """Stop one server in good order; `up` starts it again with its data, on the same port if it is free."""
        with self._lock(Silent()):
            if record := self._record(name):
                record.process.stop(self._server(name).stop_timeout_s)

    def kill(self, name: str) -> None:
        """End one server as a power cut would; `up` starts it again as `stop` says."""
        with self._lock(Silent()):
            if record := self._record(name):
                record.process.kill()

    def _lock(self, progress: Progress) -> AbstractContextManager[None]:
        return file_lock(self.folder / "lock", progress)

    def _server(self, name: str) -> Server:
        for server in self._servers:
            if server.name == name:
                return server
        raise LocalError(f"{name!r} is no local server: there are {', '.join(s.name for s in self._servers)}")

    def _record(self, name: str) -> Running | None:
        """The record of a server that runs."""
        record = self._state.read().get(self._server(name).name)
        return record if record and record.process.alive() else None

    def _ensure(self, server: Server, started: list[Server], progress: Progress) -> str:
        """Have one server answer; returns its address."""
        given = self._env.get(server.variable)
        if given:
            check_given(server.variable, given)
            progress.say(f"{server.name}: given by {server.variable}, at {shown(server.variable, given)}")
            return given
        record = self._record(server.name)
        if record is not None:
            if not answers(server, record.port, record.process, ANSWER_TIMEOUT_S):
                raise LocalError(
                    f"{server.name}: process {record.process.pid} runs but does not answer at {record.url}: "
                    f"python -m deploy.local down, then up; its log is {server.logs[-1]}"
                )
            progress.say(f"{server.name}: {record.chosen} at {record.url} (running already, pid {record.process.pid})")
            return record.url
        started.append(server)
        record = start(server, self._state, self._usual_ports[server.name], progress)
        progress.say(f"{server.name}: {record.chosen} at {record.url} (pid {record.process.pid})")
        return record.url

    def _stop(self, server: Server, progress: Progress) -> bool:
        """Stop a server of ours; returns whether it ran."""
        record = self._record(server.name)
        if record is None:
            return False
        gently = record.process.stop(server.stop_timeout_s)
        how = "stopped" if gently else f"did not end within {server.stop_timeout_s:.0f} s and was killed"
        progress.say(f"{server.name}: {how} (pid {record.process.pid})")
        return True

    def _purge(self, progress: Progress) -> None:
        """Remove what is ours in the folder, and the folder if nothing else is in it."""
        for server in self._servers:
            if server.folder.exists():
                shutil.rmtree(server.folder)
        self._state.path.unlink(missing_ok=True)
        (self.folder / "lock").unlink(missing_ok=True)
        if any(self.folder.iterdir()):
            progress.say(f"removed the data; {self.folder} stays, for it holds other files")
        else:
            self.folder.rmdir()
            progress.say(f"removed {self.folder}")

    def _status(self, server: Server) -> Status:
        given = self._env.get(server.variable)
        if given:
            try:
                check_given(server.variable, given)
            except ConfigError as error:
                return Status(server.name, False, str(error))
            return Status(server.name, True, f"given by {server.variable}, answers at {shown(server.variable, given)}")
        record = self._state.read().get(server.name)
        if record is None:
            return Status(server.name, False, "not started here: python -m deploy.local up")
        if not record.process.alive():
            return Status(server.name, False, f"not running; its last log is {server.logs[-1]}")
        where = f"{record.url}, {record.chosen}, pid {record.process.pid}, log {server.logs[-1]}"
        if not ready(server, record.port, record.process):
            return Status(server.name, False, f"runs but does not answer at {where}")
        return Status(server.name, True, f"running at {where}")
