"""`mfi_n` = 100 P / (P + N): money that flowed at rises and at falls of the typical price in the last n bars."""

from itertools import pairwise
from math import fsum

from streams.definitions.definition import UNDEFINED, Claim, Claims, Definition, Trade
from streams.definitions.windows import Window

ROUNDING = 1e-14
SLACK = 1e-9


class Mfi(Definition):
    """Windows of typical prices and quantities. Slack: 1e-9 of its 100."""

    outputs = ("mfi",)
    needs = frozenset({"trade size"})

    def __init__(self, n: int) -> None:
        self._typical, self._volumes = Window(n + 1), Window(n)
        self.warmup, self.memory = (n + 1,), n + 1

    def take(self, trade: Trade) -> None:
        """One trade or bar."""
        self._typical.append((trade.high + trade.low + trade.close) / 3)
        self._volumes.append(trade.volume)

    def claims(self) -> Claims:
        """The index."""
        rises: list[float] = []
        falls: list[float] = []
        for (before, now), volume in zip(pairwise(self._typical), self._volumes, strict=True):
            if abs(now - before) > ROUNDING * (now + before):
                (rises if now > before else falls).append(now * volume)
        if not any(self._volumes):
            return (UNDEFINED,)
        total = fsum(rises) + fsum(falls)
        return (Claim(100 * fsum(rises) / total if total else 50.0, SLACK),)
