"""The demonstration as a person meets it: started, watched, interrupted, in a folder with a space."""

import asyncio
import fcntl
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis

from deploy.demo.__main__ import main
from deploy.local import Endpoints
from streams.errors import ConfigError, RetryError
from streams.kafka.admin import connected_admin

CHECKOUT = Path(__file__).resolve().parents[2]
BASE = {name: value for name, value in os.environ.items() if not name.startswith("HAYATE_")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "a folder"


@pytest.fixture
def given(services: Endpoints) -> dict[str, str]:
    """An environment that names servers."""
    return {**BASE, "HAYATE_KAFKA_URL": services.kafka_url, "HAYATE_REDIS_URL": services.redis_url}


@contextmanager
def demonstration(folder: Path, env: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "deploy.demo", "--folder", str(folder), *arguments]
    with subprocess.Popen(
        command, cwd=CHECKOUT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()


def read_until(process: subprocess.Popen[str], pattern: str) -> str:
    """Everything printed up to and with the first line that has `pattern`."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if re.search(pattern, line):
            return "".join(lines)
    raise AssertionError(f"ended without {pattern!r}:\n{''.join(lines)}")


def rest(process: subprocess.Popen[str]) -> tuple[str, int]:
    output, _ = process.communicate()
    return output, process.returncode


def left_running(folder: Path) -> list[str]:
    """Processes with the folder in their command line or environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            text = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if os.fsencode(folder) in text:
            found.append(text[:200].decode(errors="replace"))
    return found


def worker_pid(folder: Path) -> int:
    return int(json.loads((folder / "worker.json").read_text(encoding="utf-8"))["pid"])


async def topics_of_demonstrations(services: Endpoints) -> list[str]:
    async with connected_admin(services.kafka_url) as admin:
        return [name for name in await admin.list_topics() if name.startswith("demo-")]


def figure(output: str, name: str) -> int:
    found = re.search(rf"^  {name} +([\d,]+)", output, re.MULTILINE)
    assert found, output
    return int(found[1].replace(",", ""))


def test_it_ends_by_itself_with_an_exact_account_and_leaves_given_servers_as_they_were(
    folder: Path, given: dict[str, str], services: Endpoints
) -> None:
    with demonstration(folder, given, "--seconds", "4") as process:
        output, status = rest(process)
    assert status == 0, output
    assert figure(output, "ticks in") == figure(output, "features") == figure(output, "signals") > 100
    assert figure(output, "rejected") == 0
    assert "lost = 0" in output
    assert re.search(r"ES +real", output)
    assert re.search(r"SIM001 +simulated", output)
    assert asyncio.run(topics_of_demonstrations(services)) == []
    with Redis.from_url(f"{services.redis_url.rsplit('/', 1)[0]}/15") as client:
        assert client.dbsize() == 0
    assert left_running(folder) == []


def test_a_terminal_gets_a_table(folder: Path, given: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "deploy.demo", "--folder", str(folder), "--seconds", "2", "--symbols", "3"]
    env = {**given, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    with subprocess.Popen(command, cwd=CHECKOUT, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        output = b""
        while True:
            try:
                output += os.read(ours, 65_536)
            except OSError:  # EIO: the last process that had the terminal is gone
                break
    os.close(ours)
    assert process.returncode == 0, output.decode()
    before, drawn = output.split(b"\x1b[?1049h")
    table, after = drawn.split(b"\x1b[?1049l")
    assert b"kafka:" in before
    assert b"macd_hist" in table
    assert b"simulated" in table
    assert b"lost = 0" in after


def test_control_c_stops_everything_it_started_and_tells_the_account(folder: Path) -> None:
    with demonstration(folder, BASE) as process:
        read_until(process, r"signals [1-9]")
        assert len(left_running(folder)) >= 3
        # The terminal's own Ctrl-C goes to a whole session: the worker must not be in ours.
        assert os.getsid(worker_pid(folder)) != os.getsid(process.pid)
        process.send_signal(signal.SIGINT)
        output, status = rest(process)
    assert status == 0, output
    assert "lost = 0" in output
    assert left_running(folder) == []
    assert not (folder / "services").exists()
    assert not (folder / "worker.json").exists()


def test_sigterm_before_the_first_tick_stops_everything(folder: Path) -> None:
    with demonstration(folder, BASE) as process:
        read_until(process, "^worker:")
        process.send_signal(signal.SIGTERM)
        output, status = rest(process)
    assert (status, output) == (0, "ended before the first tick\n")
    assert left_running(folder) == []


def test_a_worker_that_dies_is_an_error_with_its_last_words(folder: Path, given: dict[str, str]) -> None:
    with demonstration(folder, given) as process:
        read_until(process, r"signals [1-9]")
        os.kill(worker_pid(folder), signal.SIGKILL)
        output, status = rest(process)
    assert status == 1
    assert "the worker ended (signal 9); the last lines of" in output
    assert left_running(folder) == []


def test_two_demonstrations_do_not_share_a_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder.mkdir()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(["--folder", str(folder)]) == 1
    assert "another demonstration" in capsys.readouterr().err


def test_an_error_at_the_end_does_not_hide_the_one_before(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: object) -> None:
        try:
            raise ConfigError("first")
        finally:
            raise RetryError("second")

    monkeypatch.setattr("deploy.demo.run.Demonstration.run", run)
    assert main(["--folder", str(folder)]) == 1
    assert capsys.readouterr().err == "hayate: first\nhayate: second\n"


def test_output_that_nobody_reads_any_more_is_an_error_and_no_traceback(folder: Path, given: dict[str, str]) -> None:
    with demonstration(folder, given) as process:
        read_until(process, "^worker:")
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(60) == 1
    assert left_running(folder) == []


@pytest.mark.parametrize(
    ("arguments", "what"),
    [(["--seconds", "0"], "above 0"), (["--rate", "nan"], "above 0"), (["--symbols", "-1"], "below 0")],
)
def test_numbers_that_cannot_be_are_refused(
    arguments: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert what in capsys.readouterr().err
