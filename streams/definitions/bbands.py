"""`bbands` (n, k): mean of the last n prices and k population deviations (divisor n) around it, %B and bandwidth."""

from math import sqrt, ulp

from streams.definitions.definition import UNDEFINED, Claim, Claims, Definition, Trade, near
from streams.definitions.windows import Window, deviations, mean


class Bbands(Definition):
    """Window of prices. Slack: four units in the last place of the price, and 1e-11 of the deviation."""

    outputs = ("bb_upper", "bb_middle", "bb_lower", "bb_percent_b", "bb_bandwidth")

    def __init__(self, n: int, k: float) -> None:
        self._prices = Window(n)
        self._k = k
        self.warmup, self.memory = (n,) * 5, n

    def take(self, trade: Trade) -> None:
        """One trade."""
        self._prices.append(trade.close)

    def claims(self) -> Claims:
        """Upper, middle, lower, %B, bandwidth."""
        level = 4 * ulp(max(self._prices))
        middle = mean(self._prices)
        if min(self._prices) == max(self._prices):
            at = Claim(middle, level)
            return at, at, at, UNDEFINED, Claim(0.0)
        distances, variance = deviations(list(self._prices))
        half = self._k * sqrt(variance)
        slack = level + 1e-11 * half
        return (
            Claim(middle + half, slack),
            Claim(middle, level),
            Claim(middle - half, slack),
            near(0.5 + distances[-1] / (2 * half), 1e-10, 1e-10),
            near(2 * half / middle, 1e-11),
        )
