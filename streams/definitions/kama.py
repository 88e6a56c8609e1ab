"""`kama_n`: k += c^2 (price - k), c between 2/31 in noise and 2/3 in a straight move, by the efficiency ratio."""

from itertools import pairwise
from math import fsum, ulp

from streams.definitions.definition import Claim, Claims, Definition, Saved, Trade
from streams.definitions.windows import Window


class Kama(Definition):
    """Recursive, over a window of prices. Slack: 500 + 8 n units in the last place of the highest price."""

    outputs = ("kama",)

    def __init__(self, n: int) -> None:
        self._n = n
        self._prices = Window(n + 1)
        self._average = 0.0
        self._highest = 0.0
        self.warmup = (n + 1,)

    def take(self, trade: Trade) -> None:
        """One trade."""
        price = trade.close
        self._highest = max(self._highest, price)
        self._prices.append(price)
        if not self._prices.full:
            self._average = price
            return
        path = fsum(abs(now - before) for before, now in pairwise(self._prices))
        efficiency = abs(price - self._prices[0]) / path if path else 1.0
        root = efficiency * (2 / 3 - 2 / 31) + 2 / 31
        self._average += root**2 * (price - self._average)

    def claims(self) -> Claims:
        """The average."""
        return (Claim(self._average, (500 + 8 * self._n) * ulp(self._highest)),)

    def resume(self, saved: Saved) -> None:
        """From the average and the ring of the last n prices."""
        n, ring = self._n, saved.state[1 : 1 + self._n]
        known = range(max(saved.count - n, 0), saved.count)
        self._prices.extend(ring[place % n] for place in known)
        self._average = saved.state[0]
        self._highest = max([abs(self._average), *self._prices])
