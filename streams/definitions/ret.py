"""`ret_n` = ln(close / close n steps ago)."""

from streams.definitions.definition import Claims, Definition, Trade, near
from streams.definitions.windows import Window, log_return


class Ret(Definition):
    """Window of prices. Slack: 1e-14, relative."""

    outputs = ("ret",)

    def __init__(self, n: int) -> None:
        self._prices = Window(n + 1)
        self.warmup, self.memory = (n + 1,), n + 1

    def take(self, trade: Trade) -> None:
        """One trade or bar."""
        self._prices.append(trade.close)

    def claims(self) -> Claims:
        """The return."""
        return (near(log_return(self._prices[0], self._prices[-1]), 1e-14),)
