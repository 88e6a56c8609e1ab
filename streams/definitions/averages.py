"""Averages that never forget: started with the mean of the first n values, then weighted."""

from math import fsum


class Average:
    """Exponential (`ema`) or Wilder's (`wilder`) average of a series."""

    def __init__(self, n: int, newest: int, others: int) -> None:
        """A new value weighs `newest`, the average before it `others`."""
        self._n = n
        self._newest, self._others = newest, others
        self._start: list[float] = []
        self.value: float | None = None
        """None until n values have come."""

    @classmethod
    def ema(cls, n: int) -> "Average":
        """Weight 2 / (n + 1)."""
        return cls(n, 2, n - 1)

    @classmethod
    def wilder(cls, n: int) -> "Average":
        """Weight 1 / n."""
        return cls(n, 1, n - 1)

    def take(self, value: float) -> float | None:
        """Take the next value; the average, once there is one."""
        if self.value is not None:
            self.value = (self._newest * value + self._others * self.value) / (self._newest + self._others)
        else:
            self._start.append(value)
            if len(self._start) == self._n:
                self.value = fsum(self._start) / self._n
                self._start.clear()
        return self.value

    def resume(self, count: int, saved: float) -> None:
        """Go on after `count` values whose average (until there are n: their plain mean) is `saved`."""
        whole = count >= self._n
        self.value = saved if whole else None
        self._start = [] if whole else [saved] * count
