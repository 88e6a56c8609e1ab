"""`garman_klass_n`: mean of (ln(H / L))^2 / 2 - (2 ln 2 - 1) (ln(C / O))^2 over the last n bars."""

from math import log

from streams.definitions.definition import Claims, Definition, Trade, near
from streams.definitions.windows import Window, log_return, mean


class GarmanKlass(Definition):
    """Window of bars. Slack: 1e-11, relative."""

    outputs = ("garman_klass",)

    def __init__(self, n: int) -> None:
        self._bars = Window(n)
        self.warmup, self.memory = (n,), n

    def take(self, trade: Trade) -> None:
        """One bar."""
        reach, body = log_return(trade.low, trade.high), log_return(trade.open, trade.close)
        self._bars.append(reach**2 / 2 - (2 * log(2) - 1) * body**2)

    def claims(self) -> Claims:
        """Variance per bar."""
        return (near(mean(self._bars), 1e-11),)
