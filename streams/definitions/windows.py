"""Sums and windows, exactly rounded: what most definitions have in common."""

from collections import deque
from collections.abc import Iterable, Sequence
from math import fsum, log, log1p
from typing import Final

HALF: Final = 0.5


class Window(deque[float]):
    """The last n values, oldest first."""

    def __init__(self, n: int) -> None:
        super().__init__(maxlen=n)

    @property
    def full(self) -> bool:
        """Whether n values have come."""
        return len(self) == self.maxlen


class ExactSum:
    """A running sum without any rounding (Shewchuk 1997), to be read rounded once."""

    def __init__(self, values: Iterable[float] = ()) -> None:
        self._parts: list[float] = []
        for value in values:
            self.add(value)

    def add(self, value: float) -> None:
        """Add one value."""
        kept = []
        for part in self._parts:
            large, small = (value, part) if abs(value) >= abs(part) else (part, value)
            total = large + small
            lost = small - (total - large)
            if lost:
                kept.append(lost)
            value = total
        self._parts = [*kept, value]

    @property
    def value(self) -> float:
        """The sum."""
        return fsum(self._parts)


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean."""
    return fsum(values) / len(values)


def deviations(values: Sequence[float]) -> tuple[list[float], float]:
    """Distances from the mean, and the population variance (divisor n).

    Taken from the first value, so that the level of a price does not eat the digits of its moves.
    """
    first = values[0]
    moves = [value - first for value in values]
    middle = mean(moves)
    distances = [move - middle for move in moves]
    return distances, fsum(d * d for d in distances) / len(values)


def log_return(before: float, now: float) -> float:
    """ln(now / before), also of moves far below the price's last digits."""
    change = (now - before) / before
    return log1p(change) if -HALF < change < 1.0 else log(now / before)
