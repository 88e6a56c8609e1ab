"""`adx_n`: Wilder's directional movement: +DI, -DI, their average index, its mean with that of n - 1 bars before."""

from math import isnan

from streams.definitions.definition import NAN, Claim, Claims, Definition, Saved, Trade
from streams.definitions.ranges import true_range
from streams.definitions.windows import Window

SLACK = 1e-8
FADED = 1e-200


class WilderSum:
    """The first n - 1 values added up, then s = s - s / n + x."""

    def __init__(self, n: int) -> None:
        self._n = n
        self.count = 0
        self.value = 0.0

    def take(self, value: float) -> None:
        """The next value."""
        self.count += 1
        self.value += value if self.count < self._n else value - self.value / self._n


class Adx(Definition):
    """Recursive. Slack: 1e-8 of its 100."""

    outputs = ("adx", "plus_di", "minus_di", "adxr")

    def __init__(self, n: int) -> None:
        self._n = n
        self._high = self._low = self._last = NAN
        self._plus, self._minus, self._ranges = WilderSum(n), WilderSum(n), WilderSum(n)
        self._movements: list[float] = []
        self._indices = Window(n)
        self.warmup = (2 * n, n + 1, n + 1, 3 * n - 1)

    def take(self, trade: Trade) -> None:
        """One trade or bar."""
        rise, fall = trade.high - self._high, self._low - trade.low
        previous, self._last = self._last, trade.close
        self._high, self._low = trade.high, trade.low
        if isnan(previous):
            return
        self._plus.take(rise if rise > max(fall, 0.0) else 0.0)
        self._minus.take(fall if fall > max(rise, 0.0) else 0.0)
        self._ranges.take(true_range(trade.high, trade.low, previous))
        if self._ranges.count >= self._n:
            self._move()

    def _move(self) -> None:
        directed = self._plus.value + self._minus.value
        movement = 100 * abs(self._plus.value - self._minus.value) / directed if directed else 0.0
        if len(self._movements) < self._n:
            self._movements.append(movement)
            if len(self._movements) == self._n:
                self._indices.append(sum(self._movements) / self._n)
            return
        last = self._indices[-1]
        self._indices.append((last * (self._n - 1) + movement) / self._n if directed else last)

    def claims(self) -> Claims:
        """Index, +DI, -DI, rating."""
        total = self._ranges.value
        if 0 < total < FADED:
            return (None,) * 4
        plus, minus = (100 * s.value / total if total else 0.0 for s in (self._plus, self._minus))
        index = Claim(self._indices[-1], SLACK) if self._indices else None
        rating = Claim((self._indices[-1] + self._indices[0]) / 2, SLACK) if self._indices.full else None
        return index, Claim(plus, SLACK), Claim(minus, SLACK), rating

    def resume(self, saved: Saved) -> None:
        """From high, low, the three sums, the index, and the ring of its last n values."""
        if not saved.count:
            return
        n = self._n
        self._high, self._low, rises, falls, ranges, index, *ring = saved.state
        self._last = saved.previous
        for sum_, value in ((self._plus, rises), (self._minus, falls), (self._ranges, ranges)):
            sum_.count, sum_.value = saved.count - 1, value
        movements = max(saved.count - n, 0)
        # Until there are n movements the row holds their plain mean.
        self._movements = [index] * min(movements, n)
        self._indices.extend(ring[place % n] for place in range(max(n, movements - n + 1), movements + 1))
