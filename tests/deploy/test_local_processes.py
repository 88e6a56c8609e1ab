"""Processes are known by number and start time, and stopped by those only."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import processes
from deploy.local.errors import LocalError
from deploy.local.processes import Process, identity, spawn, wait_until

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
)
LEADER_GONE = """
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
print("leaving", flush=True)
ctypes.CDLL(None).pthread_exit(None)
"""
"""Ends the main thread alone: what is left is a zombie by its state, whose other thread runs on."""


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Process]:
    """A process that waits, ended afterwards."""
    process = spawn([sys.executable, "-c", "import time; time.sleep(60)"], {}, tmp_path / "out")
    yield process
    process.kill()


def python(code: str, output: Path) -> Process:
    """Run a snippet, and wait until it has printed something."""
    process = spawn([sys.executable, "-c", code], {}, output)
    assert wait_until(lambda: output.stat().st_size > 0, 20), "the snippet printed nothing"
    return process


def test_a_started_process_is_alive_until_it_is_stopped(sleeper: Process) -> None:
    assert sleeper.alive()
    assert sleeper.stop(20), "it ends when asked"
    assert not sleeper.alive()
    assert identity(sleeper.pid, ended_too=True) is None, "no zombie of ours is left"


def test_it_has_a_session_of_its_own_and_no_input(sleeper: Process) -> None:
    assert os.getsid(sleeper.pid) == sleeper.pid
    assert Path(f"/proc/{sleeper.pid}/fd/0").readlink() == Path("/dev/null")


def test_a_recycled_number_is_another_process(sleeper: Process) -> None:
    impostor = Process(sleeper.pid, f"{identity(sleeper.pid)}0")
    assert not impostor.alive()
    assert impostor.stop(0)
    impostor.kill()
    assert sleeper.alive(), "the process that has the number now is left alone"


def test_the_same_number_after_a_reboot_is_another_process(sleeper: Process) -> None:
    start = sleeper.born.split("/")[1]
    assert not Process(sleeper.pid, f"00000000-0000-0000-0000-000000000000/{start}").alive()


def test_a_number_that_nobody_has(tmp_path: Path) -> None:
    process = spawn([sys.executable, "-c", ""], {}, tmp_path / "out")
    assert wait_until(lambda: not process.alive(), 20)
    assert identity(process.pid) is None
    assert process.stop(0)


def test_a_zombie_has_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    assert wait_until(lambda: identity(child.pid) is None, 20)
    assert identity(child.pid, ended_too=True) is not None, "it is still in the table, for nobody waited for it"
    child.wait()


def test_a_process_whose_main_thread_alone_has_ended_is_alive(tmp_path: Path) -> None:
    process = python(LEADER_GONE, tmp_path / "out")
    stat = Path(f"/proc/{process.pid}/stat")
    assert wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "Z", 20)
    assert process.alive()
    process.kill()
    assert not process.alive()


def test_who_does_not_listen_is_killed(tmp_path: Path) -> None:
    process = python(STUBBORN, tmp_path / "out")
    assert not process.stop(0.2)
    assert not process.alive()


def test_a_suspended_process_is_woken_to_end(sleeper: Process) -> None:
    sleeper.signal(signal.SIGSTOP)
    assert sleeper.stop(20)


def test_a_process_that_survives_everything_is_reported(sleeper: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(processes, "wait_until", lambda _condition, _timeout_s: False)
        with pytest.raises(LocalError, match=f"process {sleeper.pid} does not end after SIGKILL"):
            sleeper.kill()


def test_names_with_brackets_and_spaces_are_read(tmp_path: Path) -> None:
    program = tmp_path / "a) R 1 (b"
    program.symlink_to("/bin/sleep")
    process = spawn([program, "60"], {}, tmp_path / "out")
    assert process.alive()
    process.kill()


def test_both_outputs_are_appended(tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.write_text("before\n", encoding="utf-8")
    process = spawn(["/bin/sh", "-c", "echo one; echo two >&2"], {}, output)
    assert wait_until(lambda: not process.alive(), 20)
    assert output.read_text(encoding="utf-8") == "before\none\ntwo\n"


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"/no/such/program cannot be run .*pip install '\.\[local\]'"):
        spawn(["/no/such/program"], {}, tmp_path / "out")


def test_without_proc_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PROC", tmp_path)
    with pytest.raises(LocalError, match="need Linux with /proc"):
        spawn([sys.executable, "-c", ""], {}, tmp_path / "out")


def test_waiting_ends_with_the_condition_or_the_time() -> None:
    event = threading.Event()
    threading.Timer(0.05, event.set).start()
    assert wait_until(event.is_set, 20)
    assert not wait_until(lambda: False, 0)
