"""`linreg_n`: the line of least squares through the last n prices: newest end, slope, oldest end, R^2."""

from math import fsum, ulp

from streams.definitions.definition import UNDEFINED, Claim, Claims, Definition, Trade
from streams.definitions.windows import Window, deviations, mean


class Linreg(Definition):
    """Window of prices. Slack: 2^-44 of its range, and four units in the last place for the ends; 1e-10 for R^2."""

    outputs = ("linreg", "linreg_slope", "linreg_intercept", "linreg_r2")

    def __init__(self, n: int) -> None:
        self._n = n
        self._prices = Window(n)
        self.warmup, self.memory = (n,) * 4, n

    def take(self, trade: Trade) -> None:
        """One trade."""
        self._prices.append(trade.close)

    def claims(self) -> Claims:
        """End, slope, beginning, R^2."""
        n, prices = self._n, list(self._prices)
        distances, variance = deviations(prices)
        places = [place - (n - 1) / 2 for place in range(n)]
        slope = fsum(x * d for x, d in zip(places, distances, strict=True)) / fsum(x * x for x in places)
        middle, wide = mean(prices), max(prices) - min(prices)
        end = 2.0**-44 * wide
        slack = end + 4 * ulp(max(prices))
        explained = slope**2 * fsum(x * x for x in places) / (n * variance) if wide else 0.0
        return (
            Claim(middle + slope * (n - 1) / 2, slack),
            Claim(slope, end / (n - 1)),
            Claim(middle - slope * (n - 1) / 2, slack),
            Claim(min(explained, 1.0), 1e-10) if wide else UNDEFINED,
        )
