"""`obv`: the first volume, then plus the volume of every rise, minus that of every fall."""

from math import isnan

from streams.definitions.definition import EPSILON, NAN, UNDEFINED, Claim, Claims, Definition, Saved, Trade
from streams.definitions.windows import ExactSum


class Obv(Definition):
    """Recursive. Slack: two roundings of the largest sum there was."""

    outputs = ("obv",)
    needs = frozenset({"trade size"})

    def __init__(self) -> None:
        self._total = ExactSum()
        self._last = NAN
        self._ever = False
        self._largest = 0.0
        self.warmup = (1,)

    def take(self, trade: Trade) -> None:
        """One trade or bar."""
        self._ever |= trade.volume > 0
        if isnan(self._last) or trade.close > self._last:
            self._total.add(trade.volume)
        elif trade.close < self._last:
            self._total.add(-trade.volume)
        self._last = trade.close
        self._largest = max(self._largest, trade.volume)

    def claims(self) -> Claims:
        """The sum."""
        if not self._ever:
            return (UNDEFINED,)
        value = self._total.value
        self._largest = max(self._largest, abs(value))
        return (Claim(value, 4 * EPSILON * self._largest),)

    def resume(self, saved: Saved) -> None:
        """From the sum, in two parts, and whether any volume ever came."""
        self._total = ExactSum(saved.state[:2])
        self._ever = saved.state[2] > 0
        self._last, self._largest = saved.previous, abs(saved.state[0])
