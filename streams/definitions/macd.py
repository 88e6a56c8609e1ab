"""`macd`: ema_fast - ema_slow, the ema of that, and their difference; the fast one's start ends with the slow one's."""

from math import ulp

from streams.definitions.averages import Average
from streams.definitions.definition import Claim, Claims, Definition, Saved, Trade


class Macd(Definition):
    """Recursive. Slack: 8 (slow + 1) units in the last place of the highest price.

    A wrong seed is seen where the first trades are in the log.
    """

    outputs = ("macd", "macd_signal", "macd_hist")

    def __init__(self, fast: int, slow: int, signal: int) -> None:
        self._fast, self._slow, self._signal = Average.ema(fast), Average.ema(slow), Average.ema(signal)
        self._wait, self._n = slow - fast, slow
        self._count = 0
        self._line = 0.0
        self._highest = 0.0
        self.warmup = (slow + signal - 1,) * 3

    def take(self, trade: Trade) -> None:
        """One trade or bar."""
        self._count += 1
        self._highest = max(self._highest, trade.close)
        slow = self._slow.take(trade.close)
        fast = self._fast.take(trade.close) if self._count > self._wait else None
        if slow is not None and fast is not None:
            self._line = fast - slow
            self._signal.take(self._line)

    def claims(self) -> Claims:
        """Line, signal, histogram."""
        signal = self._signal.value
        if signal is None:
            return (None,) * 3
        slack = 8 * (self._n + 1) * ulp(self._highest)
        return Claim(self._line, slack), Claim(signal, slack), Claim(self._line - signal, 2 * slack)

    def resume(self, saved: Saved) -> None:
        """From the three averages."""
        self._count = saved.count
        fast, slow, signal = saved.state[:3]
        self._fast.resume(max(saved.count - self._wait, 0), fast)
        self._slow.resume(saved.count, slow)
        self._signal.resume(max(saved.count - self._n + 1, 0), signal)
        self._line = fast - slow
        self._highest = max(abs(fast), abs(slow))
