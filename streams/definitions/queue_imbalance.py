"""`queue_imbalance` = (qb - qa) / (qb + qa)."""

from streams.definitions.definition import UNDEFINED, Claim, Claims
from streams.definitions.last_quote import OfLastQuote


class QueueImbalance(OfLastQuote):
    """Slack: 1e-15."""

    outputs = ("queue_imbalance",)
    needs = frozenset({"quote", "quote size"})

    def claims(self) -> Claims:
        """The imbalance."""
        if not self.depth:
            return (UNDEFINED,)
        return (Claim((self.quote.bid_size - self.quote.ask_size) / self.depth, 1e-15),)
