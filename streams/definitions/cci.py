"""`cci_n` = (T - m) / (0.015 a): the last typical price, the mean of the last n and their mean distance from it."""

from math import fsum

from streams.definitions.definition import Claim, Claims, Definition, Trade, near
from streams.definitions.windows import Window, deviations

FLAT = 1e-14


class Cci(Definition):
    """Window of typical prices. Slack: 1e-9, relative to the larger of 1 and the index, and what the price's rounding
    makes of it where bars have a range."""

    outputs = ("cci",)

    def __init__(self, n: int) -> None:
        self._typical = Window(n)
        self._close = 0.0
        self._single = True
        self.warmup, self.memory = (n,), n

    def take(self, trade: Trade) -> None:
        """One trade or bar."""
        self._close = trade.close
        self._single = self._single and trade.high == trade.low
        self._typical.append(trade.close + ((trade.high - trade.close) + (trade.low - trade.close)) / 3)

    def claims(self) -> Claims:
        """The index."""
        distances, _ = deviations(list(self._typical))
        spread = fsum(map(abs, distances)) / len(distances)
        flat = FLAT * self._close
        if spread and abs(spread - flat) < 0.1 * flat:
            return (None,)
        if spread <= flat:
            return (Claim(0.0),)
        rounding = 0.0 if self._single else 1e-14 * self._close / spread
        return (near(distances[-1] / (0.015 * spread), 1e-9 + rounding, 1e-9 + 67 * rounding),)
