"""`ema_n`: e = (2 price + (n - 1) e) / (n + 1), started with the mean of the first n prices."""

from math import ulp

from streams.definitions.averages import Average
from streams.definitions.definition import Claim, Claims, Definition, Saved, Trade


class Ema(Definition):
    """Recursive. Slack: 4 (n + 1) units in the last place of the highest price, what either side's rounding comes to.

    A wrong seed is seen where the first n trades are in the log.
    """

    outputs = ("ema",)

    def __init__(self, n: int) -> None:
        self._n = n
        self._average = Average.ema(n)
        self._highest = 0.0
        self.warmup = (n,)

    def take(self, trade: Trade) -> None:
        """One trade."""
        self._highest = max(self._highest, trade.close)
        self._average.take(trade.close)

    def claims(self) -> Claims:
        """The average."""
        value = self._average.value
        return (None if value is None else Claim(value, 4 * (self._n + 1) * ulp(self._highest)),)

    def resume(self, saved: Saved) -> None:
        """From the average."""
        self._average.resume(saved.count, saved.state[0])
        self._highest = abs(saved.state[0])
