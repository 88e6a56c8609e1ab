"""`vwap`: sum of price x quantity / sum of quantity since the session's open, and the close's distance from it."""

from math import ulp

from streams.definitions.definition import UNDEFINED, Claim, Claims, Definition, Saved, Trade, near
from streams.definitions.session_start import SessionStart
from streams.definitions.windows import ExactSum


class Vwap(Definition):
    """Recursive, anew in every session. Slack: 16 units in the last place of the price, and that in basis points."""

    outputs = ("vwap", "vwap_distance_bps")
    needs = frozenset({"trade size"})
    by_session = True

    def __init__(self) -> None:
        self._start = SessionStart()
        self._dollars, self._quantity = ExactSum(), ExactSum()
        self._close = self._highest = 0.0
        self.warmup = (1, 1)

    def take(self, trade: Trade) -> None:
        """One trade or bar."""
        if self._start.begins(trade.session):
            self._dollars, self._quantity = ExactSum(), ExactSum()
            self._highest = 0.0
        self._dollars.add(trade.dollars)
        self._quantity.add(trade.volume)
        self._close = trade.close
        self._highest = max(self._highest, trade.high)

    def claims(self) -> Claims:
        """Average and distance."""
        quantity = self._quantity.value
        if quantity <= 0:
            return UNDEFINED, UNDEFINED
        average = self._dollars.value / quantity
        slack = 16 * ulp(self._highest)
        return Claim(average, slack), near(1e4 * (self._close - average) / average, 1e-12, 2e4 * slack / average)

    def resume(self, saved: Saved) -> None:
        """From session, anchor, sum of (price - anchor) x quantity, and sum of quantity, each sum in two parts."""
        session, anchor, *sums = saved.state
        if saved.count:
            self._start.session = int(session)
        self._quantity = ExactSum(sums[2:4])
        self._dollars = ExactSum([*sums[:2], anchor * self._quantity.value])
        self._close, self._highest = saved.previous, max(anchor, saved.level)
