"""`rv_n`: sum of the squares of the last n logarithmic returns."""

from math import fsum, isnan

from streams.definitions.definition import NAN, Claims, Definition, Trade, near
from streams.definitions.windows import Window, log_return


class Rv(Definition):
    """Window of returns. Slack: 1e-12, relative."""

    outputs = ("rv",)

    def __init__(self, n: int) -> None:
        self._returns = Window(n)
        self._last = NAN
        self.warmup, self.memory = (n + 1,), n + 1

    def take(self, trade: Trade) -> None:
        """One trade or bar."""
        if not isnan(self._last):
            self._returns.append(log_return(self._last, trade.close))
        self._last = trade.close

    def claims(self) -> Claims:
        """The variance over the stretch."""
        return (near(fsum(r * r for r in self._returns), 1e-12),)
