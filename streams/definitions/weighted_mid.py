"""`weighted_mid` = (qb a + qa b) / (qb + qa): the size of the other side weighs."""

from math import ulp

from streams.definitions.definition import UNDEFINED, Claim, Claims
from streams.definitions.last_quote import OfLastQuote


class WeightedMid(OfLastQuote):
    """Slack: four units in the last place."""

    outputs = ("weighted_mid",)
    needs = frozenset({"quote", "quote size"})

    def claims(self) -> Claims:
        """The weighted middle."""
        if not self.depth:
            return (UNDEFINED,)
        q = self.quote
        value = (q.bid_size * q.ask + q.ask_size * q.bid) / self.depth
        return (Claim(value, 4 * ulp(max(q.bid, q.ask))),)
