"""`mid` = (bid + ask) / 2."""

from math import ulp

from streams.definitions.definition import Claim, Claims
from streams.definitions.last_quote import OfLastQuote


class Mid(OfLastQuote):
    """Slack: two units in the last place."""

    outputs = ("mid",)

    def claims(self) -> Claims:
        """The middle."""
        return (Claim((self.quote.bid + self.quote.ask) / 2, 2 * ulp(max(self.quote.bid, self.quote.ask))),)
