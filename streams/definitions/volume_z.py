"""`volume_z_n`: standard score of the volume among the last n."""

from streams.definitions.definition import Claims, Trade
from streams.definitions.scores import Score


class VolumeZ(Score):
    """Window of quantities."""

    outputs = ("volume_z",)
    needs = frozenset({"trade size"})

    def take(self, trade: Trade) -> None:
        """One trade or bar."""
        self.window.append(trade.volume)

    def claims(self) -> Claims:
        """The score."""
        return (self.score(),)
