"""`parkinson_n`: mean of (ln(H / L))^2 / (4 ln 2) over the last n bars."""

from math import log

from streams.definitions.definition import Claims, Definition, Trade, near
from streams.definitions.windows import Window, log_return, mean


class Parkinson(Definition):
    """Window of bars. Slack: 1e-12, relative."""

    outputs = ("parkinson",)

    def __init__(self, n: int) -> None:
        self._bars = Window(n)
        self.warmup, self.memory = (n,), n

    def take(self, trade: Trade) -> None:
        """One bar."""
        self._bars.append(log_return(trade.low, trade.high) ** 2 / (4 * log(2)))

    def claims(self) -> Claims:
        """Variance per bar."""
        return (near(mean(self._bars), 1e-12),)
