"""`roc_n` = 100 (p - q) / q: the last price and the one n steps before."""

from streams.definitions.definition import Claims, Definition, Trade, near
from streams.definitions.windows import Window


class Roc(Definition):
    """Window of prices. Slack: 1e-14, relative."""

    outputs = ("roc",)

    def __init__(self, n: int) -> None:
        self._prices = Window(n + 1)
        self.warmup, self.memory = (n + 1,), n + 1

    def take(self, trade: Trade) -> None:
        """One trade or bar."""
        self._prices.append(trade.close)

    def claims(self) -> Claims:
        """Per cent."""
        then, now = self._prices[0], self._prices[-1]
        return (near(100 * (now - then) / then, 1e-14),)
