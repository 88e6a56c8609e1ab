"""`donchian_n`: highest high, their middle, lowest low of the last n bars, the newest included."""

from math import ulp

from streams.definitions.definition import Claim, Claims, Definition, Trade
from streams.definitions.windows import Window


class Donchian(Definition):
    """Windows of highs and lows. Slack: none, two units in the last place for the middle."""

    outputs = ("donchian_upper", "donchian_middle", "donchian_lower")

    def __init__(self, n: int) -> None:
        self._highs, self._lows = Window(n), Window(n)
        self.warmup, self.memory = (n,) * 3, n

    def take(self, trade: Trade) -> None:
        """One trade or bar."""
        self._highs.append(trade.high)
        self._lows.append(trade.low)

    def claims(self) -> Claims:
        """Upper, middle, lower."""
        upper, lower = max(self._highs), min(self._lows)
        return Claim(upper), Claim((upper + lower) / 2, 2 * ulp(upper)), Claim(lower)
