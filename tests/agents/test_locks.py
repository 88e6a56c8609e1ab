"""Locks between real processes: one holder at a time, and none after its death."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agents.locks import LOCK_FILE, Lock, lock_data_dir, lock_instance
from streams.errors import ConfigError

HOLD = """
import sys
from pathlib import Path
from agents.locks import Lock
assert Lock(Path(sys.argv[1])).acquire() is None
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that has the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_lock_has_one_holder_who_is_named(tmp_path: Path) -> None:
    with holder(tmp_path / "lock") as process:
        assert Lock(tmp_path / "lock").acquire() == process.pid


def test_a_lock_ends_with_its_holder(tmp_path: Path) -> None:
    """`kill -9` leaves the file behind, which means nothing."""
    with holder(tmp_path / "lock") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (tmp_path / "lock").read_text() == f"{process.pid}\n"
        lock = Lock(tmp_path / "lock")
        assert lock.acquire() is None
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
        lock.release()


def test_a_lock_given_back_can_be_taken(tmp_path: Path) -> None:
    first = Lock(tmp_path / "lock")
    assert first.acquire() is None
    assert Lock(tmp_path / "lock").acquire() == os.getpid()
    first.release()
    first.release()
    second = Lock(tmp_path / "lock")
    assert second.acquire() is None
    second.release()


def test_a_holder_that_does_not_say_who_it_is(tmp_path: Path) -> None:
    with holder(tmp_path / "lock"):
        (tmp_path / "lock").write_text("")
        assert Lock(tmp_path / "lock").acquire() == 0


def test_a_file_of_another_user_is_locked_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a shared temporary folder, where it can only be read."""
    path = tmp_path / "lock"
    path.write_text("1\n")
    real = os.open

    def refuses_to_write(name: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_RDWR:
            raise PermissionError(13, "Permission denied")
        return real(name, flags, mode)

    monkeypatch.setattr(os, "open", refuses_to_write)
    lock = Lock(path)
    assert lock.acquire() is None
    assert Lock(path).acquire() == 1
    lock.release()
    assert path.read_text() == "1\n"


def test_a_data_directory_in_use(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    lock = lock_data_dir(folder)
    lock.release()
    with holder(folder / LOCK_FILE) as process, pytest.raises(ConfigError) as caught:
        lock_data_dir(folder)
    assert str(caught.value) == (
        f"HAYATE_DATA_DIR={folder}: process {process.pid} has it; give each worker a folder of its own, or stop that "
        "process first"
    )


def test_a_data_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"HAYATE_DATA_DIR=.*file/data: Not a directory; name a folder"):
        lock_data_dir(tmp_path / "file" / "data")


def test_a_member_is_one_per_group_and_kafka(tmp_path: Path) -> None:
    locks = [
        lock_instance(*names, tmp_path)
        for names in (("k", "g", "a"), ("k", "g", "b"), ("k", "h", "a"), ("l", "g", "a"))
    ]
    with pytest.raises(ConfigError, match=rf"HAYATE_INSTANCE_ID=a: process {os.getpid()} is this member of g already"):
        lock_instance("k", "g", "a", tmp_path)
    for lock in locks:
        lock.release()


def test_a_member_without_a_place_for_its_lock(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"HAYATE_INSTANCE_ID=a: no lock .*No such file or directory; .*TMPDIR"):
        lock_instance("k", "g", "a", tmp_path / "nowhere")


def test_a_lock_that_the_file_system_does_not_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with pytest.raises(ConfigError, match="No locks available; name a folder that this process can write, on a local"):
        lock_data_dir(tmp_path)
