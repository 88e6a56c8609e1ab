"""Pauses between attempts to reach a venue: they double, are capped, and no two feeds come back together."""

from random import Random
from typing import Final

FIRST_S: Final = 1.0
LONGEST_S: Final = 30.0
STABLE_S: Final = 10.0


class Backoff:
    """The pause before each attempt: doubled from `first_s` to `longest_s`, and drawn from its upper half.

    Venues count connection attempts, so a connection that ends soon after it was made does not start the pauses anew:
    only one that held for `stable_s` does.
    """

    def __init__(
        self, rng: Random, *, first_s: float = FIRST_S, longest_s: float = LONGEST_S, stable_s: float = STABLE_S
    ) -> None:
        self._rng = rng
        self._first_s = min(first_s, longest_s)
        self._longest_s = longest_s
        self._stable_s = stable_s
        self._pause_s = self._first_s

    def lasted(self, seconds: float) -> None:
        """Say how long the connection that ended had delivered; 0 where none came about."""
        if seconds >= self._stable_s:
            self._pause_s = self._first_s

    def next_s(self) -> float:
        """Return the seconds to wait now."""
        longest = self._pause_s
        self._pause_s = min(2 * longest, self._longest_s)
        return self._rng.uniform(longest / 2, longest)
