"""`tsi_long_short` = 100 A / B: the short average of the long average of the changes, by that of their sizes."""

from math import isnan

from streams.definitions.averages import Average
from streams.definitions.definition import NAN, Claim, Claims, Definition, Saved, Trade

SLACK = 1e-9
FADED = 1e-200
"""Averages that small are on their way to 0."""


class Tsi(Definition):
    """Recursive. Slack: 1e-9 of its 100."""

    outputs = ("tsi",)

    def __init__(self, long: int, short: int) -> None:
        self._long = long
        self._changes = (Average.ema(long), Average.ema(short))
        self._sizes = (Average.ema(long), Average.ema(short))
        self._last = NAN
        self.warmup = (long + short,)

    def take(self, trade: Trade) -> None:
        """One trade or bar."""
        change, self._last = trade.close - self._last, trade.close
        if isnan(change):
            return
        for (once, twice), value in ((self._changes, change), (self._sizes, abs(change))):
            average = once.take(value)
            if average is not None:
                twice.take(average)

    def claims(self) -> Claims:
        """The index."""
        change, size = self._changes[1].value, self._sizes[1].value
        if change is None or size is None or 0 < size < FADED:
            return (None,)
        return (Claim(100 * change / size if size else 0.0, SLACK),)

    def resume(self, saved: Saved) -> None:
        """From the four averages."""
        self._last = saved.previous
        changes = max(saved.count - 1, 0)
        twice = max(changes - self._long + 1, 0)
        for place, averages in ((0, self._changes), (2, self._sizes)):
            averages[0].resume(changes, saved.state[place])
            averages[1].resume(twice, saved.state[place + 1])
