"""How long it took to get going."""

import time
from collections.abc import Callable


class Phases:
    """Named stretches of time, each beginning where the one before ended; the first one at the creation."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._last_s = clock_s()
        self._took: list[tuple[str, float]] = []

    def done(self, name: str) -> None:
        """End a phase."""
        now_s = self._clock_s()
        self._took.append((name, now_s - self._last_s))
        self._last_s = now_s

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self._took)
        return f"first signal {sum(seconds for _, seconds in self._took):.1f} s after the start:\n  {parts}"
