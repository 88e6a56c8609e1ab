"""`kyle_n`: slope of the change of the mid on the signed quantity before it, the past forgotten by 1 - 1/n a pair."""

from math import isnan, sqrt

from streams.definitions.definition import NAN, UNDEFINED, Claim, Claims, Definition, Saved, Trade

UNSURE = 1e-9
"""A variance of the quantities below this share of their mean's square has too few digits here to judge."""


class Kyle(Definition):
    """Recursive: plain weighted sums, of which the slope is that of weighted least squares.

    Slack: 1e-7 of the slope, and 1e-9 of the ratio of the deviations.
    """

    outputs = ("kyle",)
    needs = frozenset({"quote", "trade size"})

    def __init__(self, n: int) -> None:
        self._n = n
        self._pairs = 0
        self._weight = self._x = self._y = self._xx = self._xy = self._yy = 0.0
        self._signed = self._mid = NAN
        self.warmup = (n + 1,)

    def take(self, trade: Trade) -> None:
        """One trade."""
        x, y = self._signed, trade.mid - self._mid
        if not isnan(x) and not isnan(y):
            keep = 1.0 - 1.0 / self._n
            self._pairs += 1
            self._weight = self._weight * keep + 1
            self._x, self._y = self._x * keep + x, self._y * keep + y
            self._xx, self._xy, self._yy = self._xx * keep + x * x, self._xy * keep + x * y, self._yy * keep + y * y
        self._signed = trade.sign * trade.volume if trade.sign else NAN
        self._mid = trade.mid

    def claims(self) -> Claims:
        """The slope."""
        if self._pairs < self._n:
            return (UNDEFINED,)
        w, x = self._weight, self._x / self._weight
        squares = self._xx / w - x * x
        if squares < UNSURE * x * x or not squares > 0:
            # A quantity of nothing at all has no slope; else too few digits are left to tell.
            return (UNDEFINED if self._xx == 0 else None,)
        slope = (self._xy / w - x * self._y / w) / squares
        return (Claim(slope, 1e-7 * abs(slope) + 1e-9 * sqrt(self._yy / w / squares)),)

    def resume(self, saved: Saved) -> None:
        """From the mid and quantity before, the pairs, their weight, the means, and the sums about them."""
        self._mid, self._signed, pairs, w, x, y, xx, xy = saved.state[:8]
        if not saved.count:
            self._mid = self._signed = NAN
        self._pairs = int(pairs)
        self._weight, self._x, self._y = w, w * x, w * y
        self._xx, self._xy = xx + w * x * x, xy + w * x * y
        self._yy = self._xy**2 / self._xx if self._xx else 0.0
