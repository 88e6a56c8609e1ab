"""`sma_n`: mean of the prices of the last n trades."""

from math import ulp

from streams.definitions.definition import Claim, Claims, Definition, Trade
from streams.definitions.windows import Window, mean


class Sma(Definition):
    """Window of prices. Slack: four units in the last place of the highest of them."""

    outputs = ("sma",)

    def __init__(self, n: int) -> None:
        self._prices = Window(n)
        self.warmup, self.memory = (n,), n

    def take(self, trade: Trade) -> None:
        """One trade."""
        self._prices.append(trade.close)

    def claims(self) -> Claims:
        """The mean."""
        return (Claim(mean(self._prices), 4 * ulp(max(self._prices))),)
