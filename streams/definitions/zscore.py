"""`zscore_n`: standard score of the price among the last n."""

from streams.definitions.definition import Claims, Trade
from streams.definitions.scores import Score


class Zscore(Score):
    """Window of prices."""

    outputs = ("zscore",)

    def take(self, trade: Trade) -> None:
        """One trade or bar."""
        self.window.append(trade.close)

    def claims(self) -> Claims:
        """The score."""
        return (self.score(),)
