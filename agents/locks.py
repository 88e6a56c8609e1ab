"""Locks between processes of one machine: one worker per data directory, and per member of the group.

A lock is the kernel's (flock), not the file's: it ends with the process, by `kill -9` too, and a file that stays behind
means nothing.
"""

import fcntl
import hashlib
import os
import tempfile
from pathlib import Path

from streams.errors import ConfigError

LOCK_FILE = "worker.lock"


class Lock:
    """One lock; `acquire` takes it at once or says who has it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def acquire(self) -> int | None:
        """Take the lock: None. The process that has it otherwise, 0 if it does not say.

        Raises:
            OSError: the file cannot be made, or its file system has no locks.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        ours = True
        try:
            file = os.open(self.path, flags, 0o644)
        except PermissionError:
            # Another user's file in a shared folder: a lock needs no more than reading.
            file, ours = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW), False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(file, 32, 0).strip()
            os.close(file)
            return int(holder) if holder.isdigit() else 0
        except OSError:
            os.close(file)
            raise
        if ours:
            os.ftruncate(file, 0)
            os.pwrite(file, b"%d\n" % os.getpid(), 0)
        self._file = file
        return None

    def release(self) -> None:
        """Give the lock back, if it was taken."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def lock_data_dir(folder: Path) -> Lock:
    """The lock on a worker's data directory.

    Raises:
        ConfigError: another process has it, or the folder cannot be used.
    """
    lock = Lock(folder / LOCK_FILE)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        holder = lock.acquire()
    except OSError as error:
        raise ConfigError(
            f"HAYATE_DATA_DIR={folder}: {error.strerror or error}; name a folder that this process can write, on a "
            "local file system"
        ) from None
    if holder is not None:
        raise ConfigError(
            f"HAYATE_DATA_DIR={folder}: {_process(holder)} has it; give each worker a folder of its own, or stop that "
            "process first"
        )
    return lock


def lock_instance(cluster_id: str, app_id: str, instance_id: str, folder: Path | None = None) -> Lock:
    """The machine's lock on one member of one group of one Kafka (`folder` None: the temporary folder).

    Raises:
        ConfigError: another process has it, or the file cannot be made.
    """
    key = hashlib.sha256("\0".join((cluster_id, app_id, instance_id)).encode()).hexdigest()[:24]
    lock = Lock((folder or Path(tempfile.gettempdir())) / f"hayate-member-{key}.lock")
    try:
        holder = lock.acquire()
    except OSError as error:
        raise ConfigError(
            f"HAYATE_INSTANCE_ID={instance_id}: no lock {lock.path}: {error.strerror or error}; make it writable, or "
            "set TMPDIR to a folder that all workers of this machine share"
        ) from None
    if holder is not None:
        raise ConfigError(
            f"HAYATE_INSTANCE_ID={instance_id}: {_process(holder)} is this member of {app_id} already; give each "
            "worker an id of its own, or stop that process first"
        )
    return lock


def _process(pid: int) -> str:
    return f"process {pid}" if pid else "another process"
