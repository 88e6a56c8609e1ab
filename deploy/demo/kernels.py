"""Compiles the worker's kernels while Kafka starts: seconds at the very first time, from the cache ever after."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.demo.worker import LINES_SHOWN, ROOT
from deploy.local.files import last_lines
from deploy.local.progress import Progress
from streams.errors import HayateError


class Kernels:
    """`python -m deploy.kernels` as a child: `with Kernels(...) as kernels: ...; kernels.wait()`."""

    def __init__(self, folder: Path, env: Mapping[str, str], progress: Progress) -> None:
        self._log = folder / "kernels.log"
        self._env = env
        self._progress = progress

    def __enter__(self) -> Self:
        """Start it."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "deploy.kernels"],
                cwd=ROOT,
                env=dict(self._env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def wait(self) -> None:
        """Wait until all is compiled, and say so if that takes a while.

        Raises:
            HayateError: it failed, as the worker would.
        """
        try:
            status = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._progress.say("kernels: compiling, once for this machine (up to a minute) ...")
            status = self._process.wait()
        lines = last_lines(self._log, LINES_SHOWN)
        if status != 0:
            raise HayateError("\n    ".join(["the kernels do not compile:", *lines]))
        self._progress.say("\n".join(lines))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave nothing running."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
