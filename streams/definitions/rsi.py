"""`rsi_n` = 100 G / (G + L), with Wilder's averages G of the rises and L of the falls; 50 in a flat market."""

from math import isnan

from streams.definitions.averages import Average
from streams.definitions.definition import NAN, Claim, Claims, Definition, Saved, Trade

FLAT = 1e-14
SLACK = 1e-9


class Rsi(Definition):
    """Recursive. Slack: 1e-9 of its 100: the averages lose some digits while the price stands still."""

    outputs = ("rsi",)

    def __init__(self, n: int) -> None:
        self._rises, self._falls = Average.wilder(n), Average.wilder(n)
        self._last = NAN
        self.warmup = (n + 1,)

    def take(self, trade: Trade) -> None:
        """One trade or bar."""
        change, self._last = trade.close - self._last, trade.close
        if not isnan(change):
            self._rises.take(max(change, 0.0))
            self._falls.take(max(-change, 0.0))

    def claims(self) -> Claims:
        """The index."""
        rises, falls = self._rises.value, self._falls.value
        if rises is None or falls is None:
            return (None,)
        flat = FLAT * min(self._last, 1.0)
        moves = rises + falls
        if moves and abs(moves - flat) < 1e-6 * flat:
            return (None,)
        return (Claim(50.0 if moves < flat else 100.0 * rises / moves, SLACK),)

    def resume(self, saved: Saved) -> None:
        """From both averages."""
        self._last = saved.previous
        changes = max(saved.count - 1, 0)
        self._rises.resume(changes, saved.state[0])
        self._falls.resume(changes, saved.state[1])
