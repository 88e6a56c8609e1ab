"""Which symbols have a hole that is not marked yet: the bookkeeping behind gap marks."""

from collections.abc import Sequence

from streams.marks import GapMark

RECONNECT = "reconnect"
SEQUENCE = "sequence"
START = "start"


class Holes:
    """Says when a gap mark is due, given what comes from a venue.

    What a venue did while nobody listened is unknown, so after the start and after every reconnect each symbol has a
    hole, until its mark is written (before its first tick, or when a mark of the clock is about to pass), the venue's
    own numbers prove that nothing is missing, or they say what is: one hole, one mark.
    """

    def __init__(self, symbols: Sequence[str]) -> None:
        """`symbols`: those that are subscribed."""
        self._symbols = tuple(symbols)
        self._pending: dict[str, str] = {}
        self._marked: set[str] = set()
        """Symbols whose hole from before this connection is marked."""

    @property
    def pending(self) -> int:
        """Symbols whose mark is not written yet."""
        return len(self._pending)

    def opened(self, reason: str) -> None:
        """A connection was made, the first one (`start`) or another (`reconnect`)."""
        self._pending = dict.fromkeys(self._symbols, reason) | {
            symbol: before for symbol, before in self._pending.items() if before == START
        }
        self._marked.clear()

    def unbroken(self, symbol: str) -> None:
        """The venue proves that nothing of this symbol is missing."""
        self._pending.pop(symbol, None)

    def missing(self, symbol: str, ts_ns: int, reason: str, *, across: bool = False) -> GapMark | None:
        """The venue's numbers say that ticks of this symbol before `ts_ns` are missing; returns the mark.

        None if they went missing before this connection (`across`), and its mark stands already: a quote came first,
        or the clock went on.
        """
        if across and symbol in self._marked:
            return None
        if self._pending.pop(symbol, None) is not None:
            self._marked.add(symbol)
        return GapMark(symbol, ts_ns, reason)

    def before(self, symbol: str, ts_ns: int) -> GapMark | None:
        """A tick of this time comes next; returns the mark that goes before it."""
        reason = self._pending.pop(symbol, None)
        if reason is None:
            return None
        self._marked.add(symbol)
        return GapMark(symbol, ts_ns, reason)

    def settle(self, ts_ns: int) -> list[GapMark]:
        """Return the marks of all symbols that have been quiet since; time passes `ts_ns` now."""
        marks = [GapMark(symbol, ts_ns, reason) for symbol, reason in self._pending.items()]
        self._marked.update(self._pending)
        self._pending.clear()
        return marks
