"""`effective_spread_n`: mean of 20,000 d (p - m) / m over the last n trades, m being the mid in force before each."""

from math import fsum, isnan

from streams.definitions.definition import NAN, UNDEFINED, Claim, Claims, Definition, Trade
from streams.definitions.windows import Window


class EffectiveSpread(Definition):
    """Window of spreads paid; trades of unknown sign or without a quote before them are left out of the mean.

    Slack: 1e-12 of the largest one, and 1e-12.
    """

    outputs = ("effective_spread",)
    needs = frozenset({"quote"})

    def __init__(self, n: int) -> None:
        self._paid = Window(n)
        self.warmup, self.memory = (n,), n

    def take(self, trade: Trade) -> None:
        """One trade."""
        known = trade.sign and not isnan(trade.mid)
        self._paid.append(2e4 * trade.sign * (trade.close - trade.mid) / trade.mid if known else NAN)

    def claims(self) -> Claims:
        """Basis points."""
        paid = [value for value in self._paid if not isnan(value)]
        if not paid:
            return (UNDEFINED,)
        return (Claim(fsum(paid) / len(paid), 1e-12 * (1 + max(map(abs, paid)))),)
