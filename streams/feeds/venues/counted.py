"""Venues that count each symbol's trades one by one: every hole shows, also one across a reconnect."""

from collections.abc import Sequence
from typing import Unpack

from streams.feeds.venue import Event, Missing, Unbroken
from streams.feeds.venues.adapter import Adapter, Options
from streams.feeds.venues.trade_ids import AGAIN, TradeIds


class CountedAdapter(Adapter):
    """Base of their adapters.

    The trade that follows the newest one from before a reconnect proves that no trade was missed, and so does that one
    itself where a venue begins with its newest. Of quotes they prove nothing, so it is said only where none are wanted.
    """

    def __init__(self, symbols: Sequence[str], **options: Unpack[Options]) -> None:
        super().__init__(symbols, **options)
        self._ids = TradeIds()
        self._unproven: set[str] = set()
        self._told: set[str] = set()
        """Symbols whose count this connection has told."""

    def open(self) -> Sequence[str | bytes]:
        """Return the frames to send after connecting: none; from here on every symbol has to prove itself again."""
        self._told.clear()
        if not self._quotes:
            self._unproven = {symbol for symbol in self._ours.values() if self._ids.knows(symbol)}
        return ()

    def _follow(self, symbol: str, trade_id: int, ts_ns: int, ids: TradeIds | None = None) -> tuple[Event, ...] | None:
        """Note a trade; return what goes before its tick, or None if it is no newer than the newest."""
        ids = ids or self._ids
        missing = ids.follow(symbol, trade_id, ts_ns)
        if missing == AGAIN:
            if trade_id == ids.newest(symbol):
                self._told.add(symbol)
            return None
        if missing:
            return (self._missing(symbol, ts_ns),)
        self._told.add(symbol)
        return self._proven(symbol)

    def _missing(self, symbol: str, ts_ns: int) -> Missing:
        """Tell of a hole before `ts_ns`: across the reconnect where nothing was told since."""
        across = symbol not in self._told
        self._told.add(symbol)
        self._unproven.discard(symbol)
        return Missing(symbol, ts_ns, "sequence", across)

    def _proven(self, symbol: str) -> tuple[Event, ...]:
        """Say once a connection that nothing of a symbol was missed."""
        if symbol not in self._unproven:
            return ()
        self._unproven.discard(symbol)
        return (Unbroken(symbol),)
