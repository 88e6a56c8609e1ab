"""Kraken spot, WebSocket v2: trades, and the ticker on every change of the best quotes.

https://docs.kraken.com/api/docs/websocket-v2/trade and .../ticker

- `trade_id` counts each book's trades by one. A snapshot of the last 50 trades comes with every subscription: at the
  first connection it only tells where the count stands, after a reconnect its newer trades are ticks, so a short
  absence leaves no hole. `side` is the taker's.
- The ticker is asked for with `event_trigger: bbo`. Where it has no `timestamp` its quote has the time of receipt.
- Symbols are ours: v2 writes `BTC/USD`, not `XBT/USD`.
"""

from collections.abc import Sequence
from typing import Final, Unpack

import msgspec
from msgspec import Raw, Struct

from streams.feeds.venue import Event, NonTick, Refused, Subscribed
from streams.feeds.venues.adapter import Options, time_ns
from streams.feeds.venues.counted import CountedAdapter
from streams.feeds.venues.instants import instant_ns
from streams.feeds.venues.symbols import spot, table
from streams.records import Side

_KNOWN: Final = {
    "heartbeat": "heartbeat",
    "status": "status",
    "book": "depth",
    "level3": "depth",
    "ohlc": "ohlc",
    "instrument": "instrument",
}
"""Channels without ticks."""
_PING: Final = '{"method":"ping"}'


class _Result(Struct, frozen=True, gc=False):
    channel: str = ""
    symbol: str = ""


class _Message(Struct, frozen=True, gc=False):
    channel: str | None = None
    type: str = ""
    data: Raw = Raw(b"")
    method: str | None = None
    success: bool | None = None
    result: _Result | None = None
    error: str = ""
    symbol: str = ""


class _Trade(Struct, frozen=True, gc=False):
    symbol: str
    side: Side
    price: float
    qty: float
    trade_id: int
    timestamp: str


class _Ticker(Struct, frozen=True, gc=False):
    symbol: str
    bid: float
    bid_qty: float
    ask: float
    ask_qty: float
    timestamp: str | None = None


_MESSAGE: Final = msgspec.json.Decoder(_Message)
_TRADES: Final = msgspec.json.Decoder(list[_Trade], strict=False)
_TICKERS: Final = msgspec.json.Decoder(list[_Ticker], strict=False)


class Kraken(CountedAdapter):
    """Adapter of Kraken's spot markets; credentials are not used, the channels are public."""

    name = "kraken"
    quiet_s = 10.0
    heartbeat_s = 30.0
    address = "wss://ws.kraken.com/v2"

    def __init__(self, symbols: Sequence[str], **options: Unpack[Options]) -> None:
        super().__init__(symbols, **options)
        self._confirmed: set[tuple[str, str]] = set()

    def _table(self, symbols: Sequence[str]) -> dict[str, str]:
        def translate(symbol: str) -> tuple[str, str]:
            parts = spot(self.name, symbol)
            return parts.symbol, parts.symbol

        return table(self.name, symbols, translate)

    def open(self) -> Sequence[str | bytes]:
        """Return one subscription for each channel."""
        super().open()
        self._confirmed.clear()
        symbols = list(self._ours)
        asked: list[dict[str, object]] = []
        if self._trades:
            asked.append({"channel": "trade", "symbol": symbols, "snapshot": True})
        if self._quotes:
            asked.append({"channel": "ticker", "symbol": symbols, "event_trigger": "bbo", "snapshot": True})
        return [msgspec.json.encode({"method": "subscribe", "params": params}).decode() for params in asked]

    def heartbeat(self) -> str | bytes | None:
        """Return a ping; the venue's own heartbeat comes every second, but only once something is subscribed."""
        return _PING

    def _read(self, frame: str | bytes, received_ns: int) -> Sequence[Event]:  # noqa: PLR0911 - one per kind
        message = _MESSAGE.decode(frame)
        channel = message.channel
        if channel == "trade":
            trades = _TRADES.decode(message.data)
            if message.type == "snapshot":
                return self._snapshot(trades)
            return [event for trade in trades for event in self._traded(trade)]
        if channel == "ticker":
            return [self._ticker(ticker, received_ns) for ticker in _TICKERS.decode(message.data)]
        if channel is not None:
            kind = _KNOWN.get(channel)
            return (NonTick(kind) if kind else self._unreadable("unknown-kind", f"channel {channel[:32]!r}", frame),)
        if message.method == "pong":
            return (NonTick("pong"),)
        if message.success is False or (message.error and message.success is None):
            text = self._blank(" ".join(part for part in (message.error, message.symbol) if part))
            return (Refused(f"{self.name}: {text}", "not supported" in text or "malformed" in text.lower()),)
        if message.method == "subscribe" and message.result is not None:
            return (self._subscribed(message.result),)
        if message.method is not None:
            return (NonTick("ack"),)
        return (self._unreadable("unknown-kind", "neither channel nor method", frame),)

    def _snapshot(self, trades: list[_Trade]) -> Sequence[Event]:
        """Take over where the count stands, or what was traded while we were away."""
        events: list[Event] = [NonTick("snapshot")]
        before = {trade.symbol for trade in trades if not self._ids.knows(trade.symbol)}
        for trade in sorted(trades, key=lambda trade: trade.trade_id):
            if trade.symbol not in before:
                events += [event for event in self._traded(trade) if event != NonTick("resent")]
                if trade.trade_id == self._ids.newest(trade.symbol):
                    events += self._proven(trade.symbol)
            elif trade.symbol in self._ours:
                self._follow(trade.symbol, trade.trade_id, instant_ns(trade.timestamp))
        return events

    def _traded(self, trade: _Trade) -> Sequence[Event]:
        symbol = self._ours.get(trade.symbol)
        if symbol is None:
            return (self._unknown_symbol(trade.symbol),)
        try:
            ts_ns = instant_ns(trade.timestamp)
        except ValueError as error:
            return (self._unreadable("invalid", str(error), trade.timestamp),)
        before = self._follow(symbol, trade.trade_id, ts_ns)
        if before is None:
            return (NonTick("resent"),)
        tick = self._trade(symbol, ts_ns, trade.price, trade.qty, trade.side, trade.trade_id)
        return (*before, tick)

    def _ticker(self, ticker: _Ticker, received_ns: int) -> Event:
        symbol = self._ours.get(ticker.symbol)
        if symbol is None:
            return self._unknown_symbol(ticker.symbol)
        try:
            ts_ns = time_ns(ticker.timestamp, received_ns)
        except ValueError as error:
            return self._unreadable("invalid", str(error), ticker.timestamp or "")
        return self._quote(symbol, ts_ns, ticker.bid, ticker.ask, ticker.bid_qty, ticker.ask_qty)

    def _subscribed(self, result: _Result) -> Event:
        """Return the symbol once the last of its channels is confirmed; there is one acknowledgement for each."""
        self._confirmed.add((result.channel, result.symbol))
        wanted = ("trade",) * self._trades + ("ticker",) * self._quotes
        ours = self._ours.get(result.symbol)
        if ours is not None and all((channel, result.symbol) in self._confirmed for channel in wanted):
            return Subscribed((ours,))
        return NonTick("ack")
