"""`supertrend` (n, k): bands k average true ranges around the middle of the bar, which only close in on the price."""

from math import isnan, ulp

from streams.definitions.averages import Average
from streams.definitions.definition import NAN, Claim, Claims, Definition, Saved, Trade
from streams.definitions.ranges import true_range


class Supertrend(Definition):
    """Recursive. Slack: 4 k (n + 1) + 8 units in the last place of the highest price.

    A close within that of the band that it would have to cross may turn the direction or not: there is no claim then,
    until a close beyond one of the bands says the direction anew.
    """

    outputs = ("supertrend", "supertrend_direction")

    def __init__(self, n: int, multiple: float) -> None:
        self._n, self._multiple = n, multiple
        self._average = Average.wilder(n)
        self._last = NAN
        self._highest = 0.0
        self._upper = self._lower = NAN
        self._rising: bool | None = True
        self.warmup = (n + 1,) * 2

    @property
    def _slack(self) -> float:
        return (4 * self._multiple * (self._n + 1) + 8) * ulp(self._highest)

    def take(self, trade: Trade) -> None:
        """One trade or bar."""
        previous, self._last = self._last, trade.close
        self._highest = max(self._highest, trade.high)
        if isnan(previous):
            return
        reach = self._average.take(true_range(trade.high, trade.low, previous))
        if reach is None:
            return
        middle = (trade.high + trade.low) / 2
        upper, lower = middle + self._multiple * reach, middle - self._multiple * reach
        first = isnan(self._upper)
        if first or previous > self._upper or upper < self._upper:
            self._upper = upper
        if first or previous < self._lower or lower > self._lower:
            self._lower = lower
        self._turn(trade.close)

    def _turn(self, close: float) -> None:
        slack = self._slack
        if close > self._upper + slack:
            self._rising = True
        elif close < self._lower - slack:
            self._rising = False
        elif (self._rising is not False and abs(close - self._lower) <= slack and close != self._lower) or (
            self._rising is not True and abs(close - self._upper) <= slack and close != self._upper
        ):
            self._rising = None

    def claims(self) -> Claims:
        """Stop and direction."""
        if self._rising is None or isnan(self._upper):
            return None, None
        band = self._lower if self._rising else self._upper
        return Claim(band, self._slack), Claim(1.0 if self._rising else -1.0)

    def resume(self, saved: Saved) -> None:
        """From the average true range, both bands, and the direction that was last shown."""
        reach, upper, lower = saved.state[:3]
        self._average.resume(max(saved.count - 1, 0), reach)
        self._last, self._highest = saved.previous, saved.level
        if saved.count > self._n:
            self._upper, self._lower = upper, lower
            self._rising = saved.values[1] > 0
            self._highest = max(self._highest, upper)
