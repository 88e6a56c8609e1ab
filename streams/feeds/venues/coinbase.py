"""Coinbase Exchange: matches, the ticker's best quotes, and heartbeats that name the newest trade.

https://docs.cdp.coinbase.com/exchange/websocket-feed/channels

- **Trades** come from `matches`. `side` there is the MAKER's: a match with `sell` was a buyer's aggression. The
  `trade_id` of a product counts by one. `last_match` comes once after the subscription: the newest trade from before
  it; after a reconnect it is a tick if it is new, at the first connection it only tells where the count stands.
- **Quotes** come from `ticker`, sent with every match: the best bid and ask at that time. Its price is the match's, its
  `side` the taker's; neither is used.
- **Holes**: the feed may drop messages. A heartbeat (one a second and product) names `last_trade_id`; where the
  heartbeat after it still finds that trade missing, the hole is told then, not at the next match.
"""

from collections.abc import Sequence
from typing import Final, Literal, Unpack

import msgspec
from msgspec import Struct

from streams.feeds.venue import Event, NonTick, Refused, Subscribed
from streams.feeds.venues.adapter import Options, time_ns
from streams.feeds.venues.counted import CountedAdapter
from streams.feeds.venues.instants import instant_ns
from streams.feeds.venues.symbols import spot, table
from streams.records import Side

_TAKER: Final[dict[str, Side]] = {"buy": "sell", "sell": "buy"}
_KNOWN: Final = {
    "snapshot": "depth",
    "l2update": "depth",
    "status": "status",
    "auction": "auction",
    "received": "order",
    "open": "order",
    "done": "order",
    "change": "order",
    "activate": "order",
    "rfq_matches": "rfq-match",
}
"""Messages of channels that were not asked for."""


class _Channel(Struct, frozen=True, gc=False):
    name: str
    product_ids: list[str] = []


class _Message(Struct, frozen=True, gc=False):
    """Any message: what a type does not have keeps its default. All are small but `snapshot`, which is skipped."""

    type: str
    product_id: str = ""
    trade_id: int | None = None
    last_trade_id: int | None = None
    sequence: int | None = None
    price: float | None = None
    size: float | None = None
    side: Literal["buy", "sell"] | None = None
    best_bid: float | None = None
    best_ask: float | None = None
    best_bid_size: float | None = None
    best_ask_size: float | None = None
    time: str | None = None
    channels: list[_Channel] = []
    message: str = ""
    reason: str = ""


_MESSAGE: Final = msgspec.json.Decoder(_Message, strict=False)


class Coinbase(CountedAdapter):
    """Adapter of Coinbase Exchange; credentials are not used, the channels are public."""

    name = "coinbase"
    quiet_s = 10.0
    address = "wss://ws-feed.exchange.coinbase.com"

    def __init__(self, symbols: Sequence[str], **options: Unpack[Options]) -> None:
        super().__init__(symbols, **options)
        self._awaited: dict[str, int] = {}
        self._tickers: dict[str, int | None] = {}
        """Symbol -> `sequence` of its newest ticker: every subscription begins with that one."""

    def _table(self, symbols: Sequence[str]) -> dict[str, str]:
        def translate(symbol: str) -> tuple[str, str]:
            parts = spot(self.name, symbol)
            return f"{parts.base}-{parts.quote}", parts.symbol

        return table(self.name, symbols, translate)

    def open(self) -> Sequence[str | bytes]:
        """Return the subscription; without one within 5 s the venue closes the connection."""
        super().open()
        self._awaited.clear()
        channels = ["heartbeat", *["matches"] * self._trades, *["ticker"] * self._quotes]
        message = {"type": "subscribe", "product_ids": list(self._ours), "channels": channels}
        return [msgspec.json.encode(message).decode()]

    def _read(self, frame: str | bytes, received_ns: int) -> Sequence[Event]:  # noqa: PLR0911 - one per kind
        message = _MESSAGE.decode(frame)
        kind = message.type
        if kind == "subscriptions":
            return (self._subscribed(message),)
        if kind == "error":
            return (self._refused(message),)
        if kind in _KNOWN:
            return (NonTick(_KNOWN[kind]),)
        if kind not in ("match", "last_match", "ticker", "heartbeat"):
            return (self._unreadable("unknown-kind", f"type {kind[:32]!r}", frame),)
        symbol = self._ours.get(message.product_id)
        if symbol is None:
            return (self._unknown_symbol(message.product_id),)
        if kind == "ticker":
            if message.best_bid is None or message.best_ask is None:
                return (self._unreadable("invalid", "ticker without best_bid or best_ask", frame),)
            if message.sequence is not None and message.sequence == self._tickers.get(symbol):
                return (NonTick("resent"),)
            self._tickers[symbol] = message.sequence
            return (
                self._quote(
                    symbol,
                    time_ns(message.time, received_ns),
                    message.best_bid,
                    message.best_ask,
                    message.best_bid_size,
                    message.best_ask_size,
                    message.sequence,
                ),
            )
        if kind == "heartbeat":
            return self._beat(symbol, message, received_ns)
        return self._match(symbol, message, frame)

    def _match(self, symbol: str, message: _Message, frame: str | bytes) -> Sequence[Event]:
        if (
            message.trade_id is None
            or message.price is None
            or message.size is None
            or message.side is None
            or message.time is None
        ):
            return (self._unreadable("invalid", "match without trade_id, price, size, side or time", frame),)
        ts_ns = instant_ns(message.time)
        known = self._ids.knows(symbol)
        before = self._follow(symbol, message.trade_id, ts_ns)
        if before is None:
            newest = message.type == "last_match" and message.trade_id == self._ids.newest(symbol)
            return (NonTick("resent"), *(self._proven(symbol) if newest else ()))
        if message.type == "last_match" and not known:
            return (NonTick("last-match"),)
        tick = self._trade(symbol, ts_ns, message.price, message.size, _TAKER[message.side], message.trade_id)
        return (*before, tick)

    def _beat(self, symbol: str, message: _Message, received_ns: int) -> Sequence[Event]:
        """Tell of a hole that two heartbeats in a row have seen; the first may have overtaken a match."""
        events: list[Event] = [NonTick("heartbeat")]
        if message.last_trade_id is None or not self._trades or not self._ids.knows(symbol):
            return events
        awaited = self._awaited.get(symbol, 0)
        if awaited > self._ids.newest(symbol):
            ts_ns = time_ns(message.time, received_ns)
            self._ids.follow(symbol, awaited, ts_ns)
            events.append(self._missing(symbol, ts_ns))
        elif message.last_trade_id == self._ids.newest(symbol):
            self._told.add(symbol)
        self._awaited[symbol] = message.last_trade_id
        return events

    def _subscribed(self, message: _Message) -> Event:
        """Return the symbols that every channel asked for has; the venue lists all channels after each change."""
        channels = {channel.name: set(channel.product_ids) for channel in message.channels}
        wanted = [*["matches"] * self._trades, *["ticker"] * self._quotes]
        confirmed = tuple(
            ours for theirs, ours in self._ours.items() if all(theirs in channels.get(name, ()) for name in wanted)
        )
        return Subscribed(confirmed) if confirmed else NonTick("ack")

    def _refused(self, message: _Message) -> Refused:
        text = self._blank(": ".join(part for part in (message.message, message.reason) if part))
        fatal = "not a valid product" in text or "uthentication" in text
        return Refused(f"{self.name}: {text}", fatal)
