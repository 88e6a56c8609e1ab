"""`dollar_volume_n`: sum of price x quantity over the last n trades."""

from streams.definitions.definition import Claims, Trade
from streams.definitions.flow_sums import FlowSum


class DollarVolume(FlowSum):
    """Window of price x quantity."""

    outputs = ("dollar_volume",)

    def take(self, trade: Trade) -> None:
        """One trade or bar."""
        self.add(trade.dollars, told=trade.dollars > 0)

    def claims(self) -> Claims:
        """The sum."""
        return (self.total(),)
