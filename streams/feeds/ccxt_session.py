"""What one connection to an exchange of ccxt brought: its caches, looked at after every message."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from streams.feeds.ccxt_ticks import Trades, quote_tick, top_of
from streams.feeds.venue import Event, NonTick, Unreadable

TRADES: Final = ("watchTradesForSymbols", "watchTrades")
QUOTES: Final = ("watchBidsAsks", "watchTickers", "watchTicker", "watchOrderBookForSymbols", "watchOrderBook")
"""ccxt's methods in the order in which they are preferred; the first one that the exchange has is used."""
_ALL_AT_ONCE: Final = ("watchTradesForSymbols", "watchBidsAsks", "watchTickers", "watchOrderBookForSymbols")
_CACHES: Final = {"watchBidsAsks": "bidsasks", "watchTickers": "tickers", "watchTicker": "tickers"}
ROOM: Final = 4_096
"""Messages that wait to be taken, before reading from the exchange waits too."""


def calls(exchange: Any, methods: Sequence[str], symbols: Sequence[str]) -> list[Callable[[], Any]]:
    """The calls of ccxt that subscribe, each to be repeated for ever; `symbols` as ccxt writes them."""
    made: list[Callable[[], Any]] = []
    for method in methods:
        watch = getattr(exchange, method)
        if method in _ALL_AT_ONCE:
            made.append(partial(watch, list(symbols)))
        else:
            made += [partial(watch, symbol) for symbol in symbols]
    return made


class Session:
    """Told by the exchange of every message (Observer); keeps the events in `batches` until somebody takes them.

    Best bid and ask come out at every message of ccxt's `watchBidsAsks`; of 24-hour tickers and order books when one of
    the four numbers is another than before.
    """

    def __init__(
        self,
        venue: str,
        trades: Mapping[str, Trades],
        methods: Sequence[str],
        *,
        shown: Callable[[str], str] = str,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`trades`: of every symbol of ours, across connections. `shown` makes a text of ccxt fit for a log."""
        self._venue = venue
        self._trades = trades
        self._methods = methods
        self._shown = shown
        self._now_ns = now_ns
        self._quotes: dict[str, object] = {}
        """Symbol -> the last quote: the object itself, or its four numbers."""
        self.exchange: Any = None
        self.unified: dict[str, str] = {}
        """Our symbols -> ccxt's."""
        self.batches: deque[tuple[int, Sequence[Event]]] = deque()
        """(time of receipt in ns, events) of every message."""
        self.filled = asyncio.Event()
        self.lost: Exception | None = None
        """Why a connection ended."""

    def on_message(self) -> None:
        """Take what a message changed out of ccxt's caches."""
        now_ns = self._now_ns()
        events: list[Event] = []
        for symbol, unified in self.unified.items():
            for method in self._methods:
                if method in TRADES:
                    events += self._trades[symbol].new(self.exchange.trades.get(unified) or (), now_ns)
                else:
                    events += self._quote(method, symbol, unified, now_ns)
        self._put(now_ns, events or [NonTick("message")])

    def on_trouble(self, error: Exception) -> None:
        """Count a message that ccxt could not read."""
        self._put(self._now_ns(), [Unreadable("ccxt", self._shown(f"{type(error).__name__}: {error}"))])

    def on_lost(self, error: Exception) -> None:
        """Remember that a connection ended."""
        if self.lost is None:
            self.lost = error
        self.filled.set()

    def has_room(self) -> bool:
        """Whether the events are being taken."""
        return len(self.batches) < ROOM

    def _quote(self, method: str, symbol: str, unified: str, now_ns: int) -> Sequence[Event]:
        cache = _CACHES.get(method)
        quote = (self.exchange.orderbooks if cache is None else getattr(self.exchange, cache)).get(unified)
        if quote is None:
            return ()
        if cache is None:
            quote = top_of(quote)
        seen = quote if cache == "bidsasks" else [quote.get(n) for n in ("bid", "bidVolume", "ask", "askVolume")]
        last = self._quotes.get(symbol)
        if seen is last or (cache != "bidsasks" and seen == last):
            return ()
        self._quotes[symbol] = seen
        return (quote_tick(quote, symbol, self._venue, now_ns),)

    def _put(self, now_ns: int, events: Sequence[Event]) -> None:
        self.batches.append((now_ns, events))
        self.filled.set()
