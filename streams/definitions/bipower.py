"""`bipower_n` = pi/2 n/(n - 1) sum |r_i| |r_(i-1)| over the last n returns, and the share that jumps have."""

from itertools import pairwise
from math import fsum, isnan, pi

from streams.definitions.definition import NAN, UNDEFINED, Claim, Claims, Definition, Trade, near
from streams.definitions.windows import Window, log_return


class Bipower(Definition):
    """Window of returns. Slack: 1e-12, relative; 1e-10 for the share."""

    outputs = ("bipower", "jump_share")

    def __init__(self, n: int) -> None:
        self._n = n
        self._returns = Window(n)
        self._last = NAN
        self.warmup, self.memory = (n + 1,) * 2, n + 1

    def take(self, trade: Trade) -> None:
        """One trade or bar."""
        if not isnan(self._last):
            self._returns.append(log_return(self._last, trade.close))
        self._last = trade.close

    def claims(self) -> Claims:
        """Variation and share."""
        variation = pi / 2 * self._n / (self._n - 1) * fsum(abs(a * b) for a, b in pairwise(self._returns))
        realised = fsum(r * r for r in self._returns)
        share = Claim(max(0.0, 1 - variation / realised), 1e-10) if realised else UNDEFINED
        return near(variation, 1e-12), share
