"""Quantiles of many latencies in little memory."""

import math
from collections import Counter
from typing import Final

_STEP: Final = math.log(1.01)


class Latencies:
    """Latencies in classes 1% wide: a quantile is right to that, however many there are and whatever they span.

    Below one microsecond all are the same.
    """

    def __init__(self) -> None:
        self._classes: Counter[int] = Counter()
        self.count = 0

    def add(self, nanoseconds: int) -> None:
        """Note one latency; a negative one (clocks of two machines) counts as none."""
        self._classes[round(math.log(max(nanoseconds, 1000)) / _STEP)] += 1
        self.count += 1

    def quantile_ms(self, q: float) -> float | None:
        """The latency that the share `q` of all does not exceed, in milliseconds; None before the first."""
        if self.count == 0:
            return None
        left = max(1, math.ceil(q * self.count))
        for number in sorted(self._classes):
            left -= self._classes[number]
            if left <= 0:
                return math.exp(number * _STEP) / 1e6
        raise AssertionError("the classes add up to the count")
