"""`roll_n` = 2 sqrt(-c): c is the population covariance of the last n price changes with the changes before them."""

from math import fsum, isnan, sqrt

from streams.definitions.definition import NAN, UNDEFINED, Claim, Claims, Definition, Trade
from streams.definitions.windows import Window, deviations


class Roll(Definition):
    """Window of changes. Slack: 1e-12 of the changes' mean square in c; no claim where c is nearer to 0 than that."""

    outputs = ("roll",)

    def __init__(self, n: int) -> None:
        self._changes = Window(n + 1)
        self._last = NAN
        self.warmup, self.memory = (n + 2,), n + 2

    def take(self, trade: Trade) -> None:
        """One trade or bar."""
        if not isnan(self._last):
            self._changes.append(trade.close - self._last)
        self._last = trade.close

    def claims(self) -> Claims:
        """The implied spread."""
        changes = list(self._changes)
        if not any(changes):
            return (Claim(0.0),)
        x, y = deviations(changes[1:])[0], deviations(changes[:-1])[0]
        shared = fsum(a * b for a, b in zip(x, y, strict=True)) / len(x)
        rounding = 1e-12 * fsum(change * change for change in changes) / len(x)
        if abs(shared) <= rounding:
            return (None,)
        if shared > 0:
            return (UNDEFINED,)
        return (Claim(2 * sqrt(-shared), rounding / sqrt(-shared) + 1e-14),)
