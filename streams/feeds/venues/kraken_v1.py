"""Kraken spot, WebSocket v1: arrays of text, kept for recordings and for those who are not on v2 yet.

https://docs.kraken.com/api/docs/websocket-v1/trade and .../spread

- Trades have no ids, so holes cannot be noticed. The last 50 trades may come with a subscription: after a reconnect
  those not newer than the symbol's newest trade from before it are not ticks again.
- Quotes come from `spread`, which has a time; a `ticker`, which has none, is read too, with the time of receipt.
- v1 writes XBT and XDG for BTC and DOGE.
"""

import re
from collections.abc import Sequence
from typing import Any, Final, Unpack

import msgspec
from msgspec import Raw, Struct

from streams.feeds.venue import Event, NonTick, Refused, Subscribed
from streams.feeds.venues.adapter import Adapter, Options
from streams.feeds.venues.symbols import spot, table
from streams.records import Side

_THEIRS: Final = {"BTC": "XBT", "DOGE": "XDG"}
_SIDES: Final[dict[str, Side]] = {"b": "buy", "s": "sell"}
_SECONDS: Final = re.compile(r"(\d{1,10})(?:\.(\d{1,9}))?", re.ASCII)
_PING: Final = '{"event":"ping"}'


class _Event(Struct, frozen=True, gc=False):
    event: str
    status: str = ""
    pair: str = ""
    channel: str = msgspec.field(name="channelName", default="")
    error: str = msgspec.field(name="errorMessage", default="")


class _Trade(Struct, frozen=True, gc=False, array_like=True):
    price: float
    size: float
    time: str
    side: str


class _Spread(Struct, frozen=True, gc=False, array_like=True):
    bid: float
    ask: float
    time: str
    bid_size: float
    ask_size: float


class _Level(Struct, frozen=True, gc=False, array_like=True):
    price: float
    whole_lots: Any
    size: float


class _Ticker(Struct, frozen=True, gc=False):
    ask: _Level = msgspec.field(name="a")
    bid: _Level = msgspec.field(name="b")


_EVENT: Final = msgspec.json.Decoder(_Event)
_ARRAY: Final = msgspec.json.Decoder(list[Raw])
_TEXT: Final = msgspec.json.Decoder(str)
_TRADES: Final = msgspec.json.Decoder(list[_Trade], strict=False)
_SPREAD: Final = msgspec.json.Decoder(_Spread, strict=False)
_TICKER: Final = msgspec.json.Decoder(_Ticker, strict=False)


class KrakenV1(Adapter):
    """Adapter of Kraken's older interface; credentials are not used."""

    name = "kraken-v1"
    quiet_s = 10.0
    heartbeat_s = 30.0
    address = "wss://ws.kraken.com"

    def __init__(self, symbols: Sequence[str], **options: Unpack[Options]) -> None:
        super().__init__(symbols, **options)
        self._newest_ns: dict[str, int] = {}
        self._before_ns: dict[str, int] = {}
        self._confirmed: set[tuple[str, str]] = set()

    def _table(self, symbols: Sequence[str]) -> dict[str, str]:
        def translate(symbol: str) -> tuple[str, str]:
            parts = spot(self.name, symbol)
            base, quote = (_THEIRS.get(part, part) for part in (parts.base, parts.quote))
            return f"{base}/{quote}", parts.symbol

        return table(self.name, symbols, translate)

    def open(self) -> Sequence[str | bytes]:
        """Return one subscription for each channel."""
        self._confirmed.clear()
        self._before_ns = dict(self._newest_ns)
        return [
            msgspec.json.encode(
                {"event": "subscribe", "pair": list(self._ours), "subscription": {"name": channel}}
            ).decode()
            for channel in self._channels()
        ]

    def heartbeat(self) -> str | bytes | None:
        """Return a ping."""
        return _PING

    def _channels(self) -> tuple[str, ...]:
        return ("trade",) * self._trades + ("spread",) * self._quotes

    def _read(self, frame: str | bytes, received_ns: int) -> Sequence[Event]:  # noqa: PLR0911 - one per kind
        head = frame.lstrip()[:1]
        if head not in ("[", b"["):
            return (self._event(_EVENT.decode(frame), frame),)
        parts = _ARRAY.decode(frame)
        if len(parts) < 4:
            return (self._unreadable("unknown-kind", f"array of {len(parts)}", frame),)
        channel, theirs = _TEXT.decode(parts[-2]), _TEXT.decode(parts[-1])
        if channel.startswith(("book", "ohlc")):
            return (NonTick("depth" if channel.startswith("book") else "ohlc"),)
        if channel not in ("trade", "spread", "ticker"):
            return (self._unreadable("unknown-kind", f"channel {channel[:32]!r}", frame),)
        symbol = self._ours.get(theirs)
        if symbol is None:
            return (self._unknown_symbol(theirs),)
        if channel == "trade":
            return [self._traded(symbol, trade) for trade in _TRADES.decode(parts[1])]
        if channel == "spread":
            spread = _SPREAD.decode(parts[1])
            ts_ns = seconds_ns(spread.time)
            return (self._quote(symbol, ts_ns, spread.bid, spread.ask, spread.bid_size, spread.ask_size),)
        ticker = _TICKER.decode(parts[1])
        bid, ask = ticker.bid, ticker.ask
        return (self._quote(symbol, received_ns, bid.price, ask.price, bid.size, ask.size),)

    def _traded(self, symbol: str, trade: _Trade) -> Event:
        side = _SIDES.get(trade.side)
        if side is None:
            return self._unreadable("invalid", "side is neither b nor s", trade.side)
        try:
            ts_ns = seconds_ns(trade.time)
        except ValueError as error:
            return self._unreadable("invalid", str(error), trade.time)
        if ts_ns <= self._before_ns.get(symbol, 0):
            return NonTick("resent")
        self._newest_ns[symbol] = max(ts_ns, self._newest_ns.get(symbol, 0))
        return self._trade(symbol, ts_ns, trade.price, trade.size, side)

    def _event(self, event: _Event, frame: str | bytes) -> Event:
        if event.event in ("heartbeat", "pong"):
            return NonTick(event.event)
        if event.event == "systemStatus":
            return NonTick("status")
        if event.event == "error" or (event.event == "subscriptionStatus" and event.status == "error"):
            text = self._blank(f"{event.error} {event.pair}".strip())
            return Refused(f"{self.name}: {text}", "not supported" in text or "alformed" in text)
        if event.event != "subscriptionStatus":
            return self._unreadable("unknown-kind", f"event {event.event[:32]!r}", frame)
        self._confirmed.add((event.channel, event.pair))
        ours = self._ours.get(event.pair)
        if ours is not None and all((channel, event.pair) in self._confirmed for channel in self._channels()):
            return Subscribed((ours,))
        return NonTick("ack")


def seconds_ns(text: str) -> int:
    """Return nanoseconds since the epoch of a decimal number of seconds, every digit kept.

    Raises:
        ValueError: it is none, or has more than nine decimals.
    """
    found = _SECONDS.fullmatch(text)
    if found is None:
        raise ValueError("no decimal number of seconds since the epoch")
    whole, fraction = found.groups()
    return int(whole) * 1_000_000_000 + int((fraction or "0").ljust(9, "0"))
