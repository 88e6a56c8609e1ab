"""The worker of the demonstration: `faust -A app worker` as a child process, as an operator would run it."""

import asyncio
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from deploy.local.files import last_lines, write_atomically
from deploy.local.processes import Process, identity
from streams.errors import HayateError
from streams.settings import PREFIX, Settings

ROOT: Final = Path(__file__).resolve().parents[2]
START_TIMEOUT_S: Final = 120.0
STOP_TIMEOUT_S: Final = 20.0
POLL_S: Final = 0.1
LINES_SHOWN: Final = 25
HANDED_ON: Final = (
    "kafka_url",
    "redis_url",
    "app_id",
    "topic_prefix",
    "data_dir",
    "model_registry",
    "web_host",
    "web_port",
)
"""The settings of this run; all others the worker reads from the environment, as ever."""


class WorkerError(HayateError):
    """The worker ended, or never became ready."""


class Worker:
    """One worker in a session of its own, so that a Ctrl-C in the terminal is ours to act on.

    What it prints goes to `log`. Its process is noted in `folder`/worker.json, so that the next demonstration can stop
    it should this one be killed.
    """

    def __init__(self, folder: Path, settings: Settings, env: Mapping[str, str]) -> None:
        self.log = folder / "worker.log"
        self._record = folder / "worker.json"
        self._settings = settings
        self._env = {**env, **worker_variables(settings), "PYTHONUNBUFFERED": "1"}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns at once."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "faust", "-A", "app", "worker", "-l", "info"],
                cwd=ROOT,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        born = identity(self._process.pid, ended_too=True)
        if born is not None:
            write_atomically(self._record, json.dumps(asdict(Process(self._process.pid, born))))

    async def ready(self) -> None:
        """Wait until it has its partitions and their state.

        Raises:
            WorkerError: it ended, or is not ready after START_TIMEOUT_S.
        """
        url = f"http://{self._settings.web_host}:{self._settings.web_port}/readyz"
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while not await asyncio.to_thread(_answers, url):
                    self.check()
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise WorkerError(self._account(f"the worker is not ready after {START_TIMEOUT_S:.0f} s")) from None

    async def watch(self) -> None:
        """Wait for as long as it runs.

        Raises:
            WorkerError: it ended.
        """
        while True:
            self.check()
            await asyncio.sleep(POLL_S)

    def check(self) -> None:
        """See that it runs.

        Raises:
            WorkerError: it does not.
        """
        status = None if self._process is None else self._process.poll()
        if status is not None:
            raise WorkerError(self._account(f"the worker ended ({_ending(status)})"))

    def stop(self) -> str | None:
        """End it in good order, the hard way after STOP_TIMEOUT_S; returns what is worth telling of it, if anything."""
        process = self._process
        if process is None:
            return None
        told = None
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            told = f"the worker did not end within {STOP_TIMEOUT_S:.0f} s and was killed"
        self._record.unlink(missing_ok=True)
        return told

    def _account(self, what: str) -> str:
        lines = last_lines(self.log, LINES_SHOWN) or ["(nothing)"]
        return "\n".join([f"{what}; the last lines of {self.log}:", *(f"    {line}" for line in lines)])


def worker_variables(settings: Settings) -> dict[str, str]:
    """The settings of this run as environment variables."""
    return {f"{PREFIX}{name}".upper(): str(getattr(settings, name)) for name in HANDED_ON}


def stop_left_behind(folder: Path) -> bool:
    """End the worker of a demonstration that was killed, if it still runs; returns whether it did."""
    record = folder / "worker.json"
    try:
        process = Process(**json.loads(record.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return False
    ran = process.alive()
    process.stop(STOP_TIMEOUT_S)
    record.unlink()
    return ran


def _answers(url: str) -> bool:
    """Whether a page of the worker says yes; no connection and status 503 are the same no."""
    try:
        with urllib.request.urlopen(url, timeout=2.0) as answer:  # noqa: S310 - http, built above
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _ending(status: int) -> str:
    return f"exit status {status}" if status >= 0 else f"signal {-status}"
