"""Small file operations that several processes may do at once."""

import fcntl
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.progress import Progress


@contextmanager
def file_lock(path: Path, progress: Progress) -> Iterator[None]:
    """Hold `path` against other processes; waits for as long as another one holds it, and says so.

    The kernel gives the lock up when its holder dies, so there are no stale locks. The holder may remove the file
    (`purge`): whoever waited for it takes the one that is there next.
    """
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress.say(f"waiting for another process that holds {path}")
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_at(descriptor, path):
                yield
                return
        finally:
            os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def write_atomically(path: Path, text: str) -> None:
    """Replace the file: a reader, or a start after a crash, sees the old text or the new, never a part."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def last_lines(path: Path, count: int) -> list[str]:
    """The last `count` lines of a text file, without their line ends; none if there is no such file."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return [line.rstrip("\n") for line in deque(file, maxlen=count)]
    except FileNotFoundError:
        return []
