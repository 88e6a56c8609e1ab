"""Locks, replaced files and last lines."""

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.files import file_lock, last_lines, write_atomically
from deploy.local.progress import Silent


class Told(Silent):
    """Keeps what was said, and tells a thread that something was."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.spoken = threading.Event()

    def say(self, line: str) -> None:
        """Keep the line."""
        self.lines.append(line)
        self.spoken.set()


def test_a_second_holder_waits_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lock"
    told = Told()
    order = []

    def second() -> None:
        with file_lock(path, told):
            order.append("second")

    with file_lock(path, Silent()):
        thread = threading.Thread(target=second)
        thread.start()
        assert told.spoken.wait(20)
        order.append("first")
    thread.join(20)
    assert order == ["first", "second"]
    assert told.lines == [f"waiting for another process that holds {path}"]


def test_who_waited_for_a_removed_lock_takes_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    told = Told()
    held = threading.Event()
    leave = threading.Event()

    def waiter() -> None:
        with file_lock(path, told):
            held.set()
            leave.wait(20)

    with file_lock(path, Silent()):
        thread = threading.Thread(target=waiter)
        thread.start()
        assert told.spoken.wait(20)
        path.unlink()
    assert held.wait(20)
    late = Told()
    third = threading.Thread(target=lambda: file_lock(path, late).__enter__())
    third.start()
    assert late.spoken.wait(20), "the waiter holds the file that everybody sees"
    leave.set()
    thread.join(20)
    third.join(20)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_atomically(path, "old")
    write_atomically(path, "new é")
    assert path.read_text(encoding="utf-8") == "new é"
    assert [p.name for p in tmp_path.iterdir()] == ["state.json"]


@given(st.lists(st.text(st.characters(codec="ascii", exclude_characters="\r\n"))), st.integers(1, 5))
def test_last_lines_are_the_end_of_the_text(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], count: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    assert last_lines(path, count) == lines[-count:]


def test_a_missing_log_has_no_lines_and_a_broken_one_is_shown(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "none", 3) == []
    (tmp_path / "log").write_bytes(b"a\xff\nb")
    assert last_lines(tmp_path / "log", 3) == ["a�", "b"]
