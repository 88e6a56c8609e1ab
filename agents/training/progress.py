"""How far a training is, on the terminal: bars where there is one, nothing where there is none."""

import asyncio
from types import TracebackType
from typing import IO, Any, Self

from agents.training.sampling import EXTRA
from streams.errors import ConfigError, RetryError


class Steps:
    """One bar after the other. Every call raises RetryError once `stop` is set: work in a thread ends there."""

    def __init__(self, out: IO[str], stop: asyncio.Event) -> None:
        """Draw on `out`.

        Raises:
            ConfigError: the extra `train` is missing.
        """
        try:
            # Here, for it is of the extra.
            from rich.console import Console  # noqa: PLC0415
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415
        except ImportError as error:
            raise ConfigError(f"{error}: {EXTRA}") from None
        console = Console(file=out)
        self._stop = stop
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task: Any = None
        self._total: int | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def begin(self, what: str, total: int | None) -> None:
        """Begin a bar; `total` None: nobody knows how long it will be."""
        self._end()
        self._total = total
        self._task = self._bars.add_task(what, total=total)

    def advance(self, by: int) -> None:
        """So many more are done."""
        self._check()
        self._bars.advance(self._task, by)

    def step(self, what: str) -> None:
        """Say what comes next."""
        self._check()
        self._bars.update(self._task, description=what, advance=1)

    def _end(self) -> None:
        if self._task is not None and self._total is None:
            done = self._bars.tasks[self._task].completed
            self._bars.update(self._task, total=max(done, 1), completed=max(done, 1))

    def _check(self) -> None:
        if self._stop.is_set():
            raise RetryError("the training was stopped and has written nothing: run it again")
