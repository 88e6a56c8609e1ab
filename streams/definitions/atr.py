"""`atr_n`: Wilder's average of the true ranges; the first bar, which has no close before it, is left out."""

from math import isnan, ulp

from streams.definitions.averages import Average
from streams.definitions.definition import NAN, Claim, Claims, Definition, Saved, Trade
from streams.definitions.ranges import true_range


class Atr(Definition):
    """Recursive. Slack: 4 (n + 1) units in the last place of the highest price."""

    outputs = ("atr",)

    def __init__(self, n: int) -> None:
        self._n = n
        self._average = Average.wilder(n)
        self._last = NAN
        self._highest = 0.0
        self.warmup = (n + 1,)

    def take(self, trade: Trade) -> None:
        """One trade or bar."""
        if not isnan(self._last):
            self._average.take(true_range(trade.high, trade.low, self._last))
        self._last = trade.close
        self._highest = max(self._highest, trade.high)

    def claims(self) -> Claims:
        """The average."""
        value = self._average.value
        return (None if value is None else Claim(value, 4 * (self._n + 1) * ulp(self._highest)),)

    def resume(self, saved: Saved) -> None:
        """From the average."""
        self._average.resume(max(saved.count - 1, 0), saved.state[0])
        self._last, self._highest = saved.previous, saved.level
