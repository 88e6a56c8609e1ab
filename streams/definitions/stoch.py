"""`stoch_k_s_d`: where the close stands in the range of the last k bars, averaged over s, and that over d."""

from streams.definitions.definition import Claim, Claims, Definition, Trade
from streams.definitions.windows import Window, mean

ROUNDING = 1e-14
SLACK = 1e-9


class Stoch(Definition):
    """Windows of highs, lows and places. Slack: 1e-9 of its 100."""

    outputs = ("slowk", "slowd")

    def __init__(self, k: int, s: int, d: int) -> None:
        self._s = s
        self._highs, self._lows = Window(k), Window(k)
        self._places = Window(s + d - 1)
        self.warmup = (k + s + d - 2,) * 2
        self.memory = k + s + d - 2

    def take(self, trade: Trade) -> None:
        """One trade or bar."""
        self._highs.append(trade.high)
        self._lows.append(trade.low)
        if self._highs.full:
            high, low = max(self._highs), min(self._lows)
            flat = high - low <= ROUNDING * (high + low)
            self._places.append(50.0 if flat else 100 * (trade.close - low) / (high - low))

    def claims(self) -> Claims:
        """Slow %K and slow %D."""
        places, s = list(self._places), self._s
        slow = [mean(places[i : i + s]) for i in range(len(places) - s + 1)]
        return Claim(slow[-1], SLACK), Claim(mean(slow), SLACK)
