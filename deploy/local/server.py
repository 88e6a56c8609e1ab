"""What the stack needs to know of a server that it can run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from deploy.local.processes import Process
from deploy.local.progress import Progress


@dataclass(frozen=True)
class Launch:
    """One way to start a server, everything it needs being in place."""

    argv: Sequence[str | Path]
    env: Mapping[str, str]
    port: int
    url: str
    chosen: str
    """Which program it is, for a person."""


class Server(Protocol):
    """A server that runs as a child process, with its data and logs in one folder."""

    name: str
    variable: str
    """Environment variable whose address is used instead."""
    folder: Path
    usual_port: int
    start_timeout_s: float
    stop_timeout_s: float

    @property
    def output(self) -> Path:
        """File that takes what the process prints."""

    @property
    def logs(self) -> Sequence[Path]:
        """Files that tell what it does and why it ended, the most telling one last."""

    def prepare(self, port: int, progress: Progress) -> Launch:
        """Choose the program and a free port, `port` if possible, and write what the server reads at its start.

        Raises:
            LocalError: something is missing; the message says what to install.
        """

    def check(self, port: int, process: Process) -> None:
        """See that this process (not another one on its port) does its work.

        Raises:
            NotReady: it does not, so far.
        """

    def last_words(self, count: int) -> list[str]:
        """Last lines of the logs, without what tells a person nothing."""

    def remedy(self, lines: Sequence[str]) -> str:
        """What to do about a start that failed with these last lines."""


class NotReady(Exception):  # noqa: N818 - a state on the way, not an error
    """The server does not answer, or not with what a client needs."""
