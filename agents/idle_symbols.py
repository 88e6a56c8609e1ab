"""Which symbols had no tick for so long that their rows need not be in memory."""

from collections.abc import Callable, Collection, Iterable
from typing import Final

LOOKS: Final = 10
"""So often in the time after which a symbol goes it is looked for such: one may stay a tenth longer."""
AT_ONCE: Final = 1_000
"""Symbols that go in one look: a millisecond or two of the loop. Where there are more, the next look is the next
call."""


class IdleSymbols:
    """When each symbol was last seen, by a clock of this process: what is in memory changes no result."""

    def __init__(self, after_s: float, clock: Callable[[], float]) -> None:
        """`after_s`: seconds without a tick after which a symbol may go; 0: never."""
        self._after_s = after_s
        self._clock = clock
        self._seen: dict[str, float] = {}
        self._next = clock() + after_s

    def touch(self, symbols: Iterable[str]) -> None:
        """These have ticks now."""
        if self._after_s > 0:
            self._seen.update(dict.fromkeys(symbols, self._clock()))

    def clear(self) -> None:
        """Forget all."""
        self._seen.clear()

    def take(self, needed: Collection[str]) -> list[str]:
        """Symbols that may go now, but for those `needed`, and forget them."""
        now = self._clock()
        if self._after_s == 0 or now < self._next:
            return []
        limit = now - self._after_s
        gone: list[str] = []
        self._next = now + self._after_s / LOOKS
        for symbol, seen in self._seen.items():
            if seen <= limit and symbol not in needed:
                if len(gone) == AT_ONCE:
                    self._next = now
                    break
                gone.append(symbol)
        for symbol in gone:
            del self._seen[symbol]
        return gone
