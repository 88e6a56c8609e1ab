"""Sums of a flow over the last n trades, which have no value before the first quantity came."""

from math import fsum

from streams.definitions.definition import UNDEFINED, Claim, Definition, Saved
from streams.definitions.windows import Window


class FlowSum(Definition):
    """Window of amounts. Slack: 1e-13 of what went through it, and 1e-25 of the largest amount there ever was."""

    needs = frozenset({"trade size"})

    def __init__(self, n: int) -> None:
        self._amounts = Window(n)
        self._ever = False
        self._largest = 0.0
        self.warmup, self.memory = (n,), n

    def add(self, amount: float, *, told: bool) -> None:
        """The next amount; `told`: whether the trade had a quantity."""
        self._amounts.append(amount)
        self._ever |= told
        self._largest = max(self._largest, abs(amount))

    def total(self) -> Claim:
        """The sum."""
        if not self._ever:
            return UNDEFINED
        return Claim(fsum(self._amounts), 1e-13 * fsum(map(abs, self._amounts)) + 1e-25 * self._largest)

    def resume(self, saved: Saved) -> None:
        """Whether any quantity ever came."""
        self._ever = saved.state[0] > 0
