"""`signed_volume_n`: quantity bought less quantity sold by the aggressors over the last n trades."""

from streams.definitions.definition import Claims, Trade
from streams.definitions.flow_sums import FlowSum


class SignedVolume(FlowSum):
    """Window of signed quantities."""

    outputs = ("signed_volume",)

    def take(self, trade: Trade) -> None:
        """One trade or bar."""
        self.add(trade.signed, told=trade.volume > 0)

    def claims(self) -> Claims:
        """The sum."""
        return (self.total(),)
