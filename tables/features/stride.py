"""How many records go to the server in one call."""

from typing import Final

LONG_S: Final = 0.05
"""Of a call: longer than the server works on the few records of one, so the way to it is what takes the time."""


class Stride:
    """Few at a time, `least`, so that others are served in between; twice as many after each call that took long, up to
    `most`, for where every call waits a third of a second, few at a time would fall behind for ever."""

    def __init__(self, least: int, most: int) -> None:
        self._least = least
        self._most = most
        self.size = least

    def took(self, seconds: float, count: int) -> None:
        """A call with `count` records took so long; one that was not full says nothing about more of them."""
        if seconds <= LONG_S:
            self.size = self._least
        elif count >= self.size:
            self.size = min(self._most, 2 * self.size)

    def failed(self) -> None:
        """A call failed: few at a time again."""
        self.size = self._least
