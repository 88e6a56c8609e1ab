"""`spread` = ask - bid, in basis points of the mid, and the state of the book: 1 normal, 0 locked, -1 crossed."""

from streams.definitions.definition import UNDEFINED, Claim, Claims, near, same
from streams.definitions.last_quote import OfLastQuote


class Spread(OfLastQuote):
    """Slack: the last digit; 1e-14, relative, in basis points."""

    outputs = ("spread", "spread_bps", "spread_state")

    def claims(self) -> Claims:
        """Spread, spread in bps, state."""
        bid, ask = self.quote.bid, self.quote.ask
        if ask <= bid:
            return UNDEFINED, UNDEFINED, Claim(0.0 if ask == bid else -1.0)
        return same(ask - bid), near(1e4 * (ask - bid) / ((ask + bid) / 2), 1e-14), Claim(1.0)
