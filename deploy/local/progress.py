"""What a person sees while something takes its time."""

from typing import Protocol, TextIO

MEGABYTE = 1_000_000
BAR_CELLS = 24


class Progress(Protocol):
    """Where the local services tell what they do."""

    def say(self, line: str) -> None:
        """Tell one complete line."""

    def advance(self, what: str, done: int, total: int) -> None:
        """Tell that `done` of `total` bytes of `what` are there; `done == total` ends it."""


class Silent:
    """Tells nothing."""

    def say(self, line: str) -> None:
        """Drop the line."""

    def advance(self, what: str, done: int, total: int) -> None:
        """Drop the figures."""


class Console:
    """Lines on a stream; a bar that redraws itself where the stream is a terminal, a line per quarter elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._shown = -1

    def say(self, line: str) -> None:
        """Print the line."""
        print(line, file=self._stream, flush=True)

    def advance(self, what: str, done: int, total: int) -> None:
        """Draw the bar again when it has moved by a percent, or print a line when another quarter is done."""
        percent = 100 * done // total
        shown = percent if self._terminal else percent // 25
        if shown == self._shown:
            return
        self._shown = -1 if done == total else shown
        figures = f"{done / MEGABYTE:.1f} of {total / MEGABYTE:.1f} MB"
        if self._terminal:
            full = BAR_CELLS * done // total
            bar = "#" * full + "-" * (BAR_CELLS - full)
            end = "\n" if done == total else ""
            print(f"\r{what}  [{bar}]  {percent:3d} %  {figures}", end=end, file=self._stream, flush=True)
        else:
            self.say(f"{what}: {figures}")
