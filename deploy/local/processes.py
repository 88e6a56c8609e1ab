"""Child processes that outlive their parent, and that only their own start time identifies.

A process id alone is not enough to stop a process by: after a crash or a reboot the kernel gives it to somebody else.
So the start time (clock ticks since boot) and the boot's id are recorded with it, and compared before every signal.
"""

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import LocalError

PROC = Path("/proc")
POLL_S = 0.05


@dataclass(frozen=True)
class Process:
    """One process, never to be confused with a later one of the same number."""

    pid: int
    born: str
    """Boot id and start time in clock ticks since boot, as `identity` gives them."""

    def alive(self) -> bool:
        """Whether it still runs; one that ended and that nobody waited for yet (a zombie) does not."""
        reap(self.pid)
        return identity(self.pid) == self.born

    def signal(self, number: signal.Signals) -> None:
        """Send a signal if it still runs."""
        if self.alive():
            os.kill(self.pid, number)

    def stop(self, patience_s: float) -> bool:
        """Ask it to end (SIGTERM), and end it (SIGKILL) after `patience_s`; returns whether asking was enough.

        A suspended process is woken first: it could not act on the request.
        """
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        if wait_until(lambda: not self.alive(), patience_s):
            return True
        self.kill()
        return False

    def kill(self) -> None:
        """End it without a chance to clean up, and wait until it is gone.

        Raises:
            LocalError: it still exists after 10 s, as a process stuck in the kernel (a dead disk) does.
        """
        self.signal(signal.SIGKILL)
        if not wait_until(lambda: not self.alive(), 10.0):
            raise LocalError(
                f"process {self.pid} does not end after SIGKILL: see what it waits for in /proc, or reboot"
            )


def spawn(argv: Sequence[str | Path], env: Mapping[str, str], output: Path) -> Process:
    """Start a program in a session of its own, with no input and both outputs appended to the file `output`.

    Not through `subprocess`: its handles complain when a child is meant to outlive them.

    Raises:
        LocalError: the program is not there, or may not be run.
    """
    writing = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    arguments = [os.fspath(part) for part in argv]
    try:
        pid = os.posix_spawn(
            arguments[0],
            arguments,
            dict(env),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.fspath(output), writing, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGINT, signal.SIGPIPE, signal.SIGHUP),
        )
    except OSError as error:
        raise LocalError(
            f"{arguments[0]} cannot be run ({error.strerror}): install it again (the wheels: pip install '.[local]')"
        ) from error
    born = identity(pid, ended_too=True)
    if born is None:
        raise LocalError(f"{PROC}/{pid} cannot be read: the local services need Linux with /proc mounted")
    return Process(pid, born)


def identity(pid: int, *, ended_too: bool = False) -> str | None:
    """Boot id and start time of the process of that number now; None if there is none.

    A zombie counts as none unless `ended_too`. A zombie with more than one thread has not ended: its main thread has,
    and the others still hold its ports and locks (seen with Java after SIGKILL).
    """
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # "pid (name) state ppid ... starttime ...": the name may itself hold spaces and brackets.
    fields = text[text.rindex(")") + 1 :].split()
    state, threads, start = fields[0], int(fields[17]), fields[19]
    ended = state in "ZX" and threads <= 1
    return f"{boot}/{start}" if ended_too or not ended else None


def reap(pid: int) -> None:
    """Take leave of a child of ours that has ended, so that it does not stay as a zombie; nothing for others."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Wait for a condition that nothing announces; returns whether it came true in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_S)
    return True
