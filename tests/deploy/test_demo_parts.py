"""What the demonstration starts and stops: interruptions, the worker, the kernels, a Redis database."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from redis import Redis

from deploy.demo import worker as worker_module
from deploy.demo.interruption import SIGNALS, InterruptedEarlyError, as_event, interruptible, unless
from deploy.demo.kernels import Kernels
from deploy.demo.redis_database import MARK, DemoDatabase
from deploy.demo.surroundings import free_port
from deploy.demo.worker import Worker, WorkerError, stop_left_behind, worker_variables
from deploy.local.processes import Process, identity
from deploy.local.progress import Silent
from streams.errors import ConfigError, HayateError, RetryError
from streams.settings import Settings

BASE = {name: value for name, value in os.environ.items() if not name.startswith("HAYATE_")}


class Told(Silent):
    """Keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_interrupts_and_a_second_one_does_not(number: signal.Signals) -> None:
    before = [signal.getsignal(each) for each in SIGNALS]
    cleaned = []

    @interruptible()
    def work() -> None:
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(number)
            cleaned.append(True)

    with pytest.raises(InterruptedEarlyError, match="before the first tick"):
        work()
    assert cleaned == [True]
    assert [signal.getsignal(each) for each in SIGNALS] == before


async def test_a_signal_sets_the_event() -> None:
    event = as_event()
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(event.wait(), 5)
    finally:
        for number in SIGNALS:
            asyncio.get_running_loop().remove_signal_handler(number)


async def test_work_is_cancelled_when_the_event_comes_first() -> None:
    event, ended = asyncio.Event(), []

    async def work() -> None:
        event.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    with pytest.raises(InterruptedEarlyError):
        await unless(event, work())
    assert ended == [True]


async def test_work_that_ends_or_fails_first_is_what_counts() -> None:
    async def work(error: bool) -> None:
        if error:
            raise ConfigError("no")

    await unless(asyncio.Event(), work(error=False))
    with pytest.raises(ConfigError, match="no"):
        await unless(asyncio.Event(), work(error=True))


def worker_settings(tmp_path: Path, **more: object) -> Settings:
    own: dict[str, object] = {"web_port": free_port(), "data_dir": tmp_path / "data", **more}
    return Settings(**own)  # type: ignore[arg-type]  # of the right types


def test_the_worker_is_told_the_settings_of_the_run(tmp_path: Path) -> None:
    settings = worker_settings(tmp_path, topic_prefix="x.", app_id="x")
    variables = worker_variables(settings)
    assert variables["HAYATE_TOPIC_PREFIX"] == "x."
    assert variables["HAYATE_DATA_DIR"] == str(tmp_path / "data")
    assert {f"HAYATE_{name.upper()}" for name in Settings.model_fields} >= set(variables)


async def test_a_worker_that_ends_is_reported_with_its_last_lines(tmp_path: Path) -> None:
    worker = Worker(tmp_path, worker_settings(tmp_path), {**BASE, "HAYATE_MISSPELT": "1"})
    worker.start()
    with pytest.raises(WorkerError, match=r"ended \(exit status 1\)") as caught:
        await worker.ready()
    assert "HAYATE_MISSPELT" in str(caught.value)
    with pytest.raises(WorkerError):
        await worker.watch()
    assert worker.stop() is None


def as_worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str) -> Worker:
    """A worker whose program is `code`."""
    program = tmp_path / "program"
    (tmp_path / "program.py").write_text(code, encoding="utf-8")
    # By way of the shell: an interpreter whose path has a space cannot stand behind #!.
    program.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{tmp_path}/program.py'\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    return Worker(tmp_path, worker_settings(tmp_path), BASE)


async def test_a_worker_that_never_gets_ready_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = as_worker(monkeypatch, tmp_path, "import time; print('thinking', flush=True); time.sleep(60)")
    monkeypatch.setattr(worker_module, "START_TIMEOUT_S", 1.0)
    worker.start()
    with pytest.raises(WorkerError, match="not ready after 1 s"):
        await worker.ready()
    assert worker.stop() is None


def test_a_worker_that_does_not_end_is_killed_and_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)\n"
    worker = as_worker(monkeypatch, tmp_path, code + "time.sleep(60)")
    monkeypatch.setattr(worker_module, "STOP_TIMEOUT_S", 0.5)
    worker.start()
    while "deaf" not in worker.log.read_text(encoding="utf-8"):
        worker.check()
    assert "was killed" in str(worker.stop())
    with pytest.raises(WorkerError, match="signal 9"):
        worker.check()


def test_the_worker_of_a_killed_demonstration_is_stopped(tmp_path: Path) -> None:
    assert stop_left_behind(tmp_path) is False
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as orphan:
        born = identity(orphan.pid)
        assert born is not None
        record = tmp_path / "worker.json"
        record.write_text(json.dumps(asdict(Process(orphan.pid, born))), encoding="utf-8")
        assert stop_left_behind(tmp_path) is True
        assert not record.exists()


def test_a_process_that_only_has_the_number_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as other:
        record = tmp_path / "worker.json"
        record.write_text(json.dumps(asdict(Process(other.pid, "another boot/1"))), encoding="utf-8")
        assert stop_left_behind(tmp_path) is False
        assert other.poll() is None


def test_kernels_are_compiled_ahead(tmp_path: Path) -> None:
    told = Told()
    with Kernels(tmp_path, BASE, told) as kernels:
        kernels.wait()
    assert "kernels: feature set default@" in told.lines[-1]


def test_kernels_that_cannot_be_compiled_say_why(tmp_path: Path) -> None:
    with (
        Kernels(tmp_path, {**BASE, "HAYATE_FEATURE_SET": "no-such-set"}, Silent()) as kernels,
        pytest.raises(HayateError, match="no-such-set"),
    ):
        kernels.wait()


def test_kernels_do_not_outlive_an_interruption(tmp_path: Path) -> None:
    with Kernels(tmp_path, BASE, Silent()) as kernels:
        process = kernels._process
    assert process.returncode is not None


@pytest.fixture
def database(redis_url: str) -> Iterator[DemoDatabase]:
    database = DemoDatabase(Settings(redis_url=redis_url))
    yield database
    for number in (15, 14):
        with Redis.from_url(f"{redis_url.rsplit('/', 1)[0]}/{number}") as client:
            client.flushdb()


def test_an_empty_database_is_claimed_and_left_empty(database: DemoDatabase, redis_url: str) -> None:
    url = database.claim()
    assert url == f"{redis_url.rsplit('/', 1)[0]}/15"
    with Redis.from_url(url) as client:
        assert client.exists(MARK)
        client.set("feature:ES:latest", "1")
        database.release()
        assert client.dbsize() == 0


def test_a_database_with_anything_in_it_is_left_alone(database: DemoDatabase, redis_url: str) -> None:
    with Redis.from_url(f"{redis_url.rsplit('/', 1)[0]}/15") as client:
        client.set("mine", "1")
        assert database.claim().endswith("/14")
        assert client.keys() == [b"mine"]
        assert DemoDatabase(Settings(redis_url=redis_url)).claim().endswith("/13")
    with Redis.from_url(f"{redis_url.rsplit('/', 1)[0]}/13") as client:
        client.flushdb()


def test_no_empty_database_is_an_error_with_its_remedy(database: DemoDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.demo.redis_database.HIGHEST", 0)
    with pytest.raises(ConfigError, match="none of the databases"):
        database.claim()


def test_fewer_databases_than_usual_are_no_error(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.demo.redis_database.HIGHEST", 17)
    database = DemoDatabase(Settings(redis_url=redis_url))
    assert database.claim().endswith("/15")
    database.release()


def test_a_redis_that_has_gone_is_told_as_what_was_not_done(
    database: DemoDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.claim()
    with monkeypatch.context() as patch:
        patch.setattr(database, "_claimed", f"redis://127.0.0.1:{free_port()}/15")
        with pytest.raises(RetryError, match=r"database 15 .* was not emptied"):
            database.release()
    database.release()


def test_without_a_claim_nothing_is_emptied(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        client.set("mine", "1")
        DemoDatabase(Settings(redis_url=redis_url)).release()
        assert client.exists("mine")


def test_a_redis_that_does_not_answer_is_named_without_its_password() -> None:
    database = DemoDatabase(Settings(redis_url=f"redis://:hidden@127.0.0.1:{free_port()}/0"))
    with pytest.raises(RetryError, match="HAYATE_REDIS_URL") as caught:
        database.claim()
    assert "hidden" not in str(caught.value)
