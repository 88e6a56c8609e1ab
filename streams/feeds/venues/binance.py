"""Binance spot: combined streams of trades and best quotes.

https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams

- **Trades** come from `<symbol>@trade`, not from `@aggTrade`: every execution has its own id, the ids of a symbol are
  consecutive, so a missing one is noticed; an aggregate hides how many executions it is made of. Aggregates are read
  all the same. `m` says that the buyer was the maker, so the aggressor sold.
- **Quotes** come from `<symbol>@bookTicker`. Spot gives them no time: they get the time of receipt, but none before the
  symbol's newest trade on the same connection, for they come in order and the clock here may be behind the venue's
  (`MAX_AHEAD_NS` at most: beyond it the trade's time is the doubtful one). `seq` is the update id of the book.
- Times are asked for in microseconds. Pings of the server (every 20 s) are answered by the WebSocket library; the
  connection ends after 24 hours, before that `serverShutdown` may come. A list of subscriptions, asked for again and
  again, is the heartbeat: an illiquid symbol may be silent for minutes.
"""

import re
from collections.abc import Sequence
from typing import Final, Unpack

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

from streams.errors import ConfigError
from streams.feeds.venue import Event, NonTick, Refused, Subscribed, Unreadable
from streams.feeds.venues.adapter import Options, epoch_ns, shortened
from streams.feeds.venues.counted import CountedAdapter
from streams.feeds.venues.symbols import spot, table
from streams.feeds.venues.trade_ids import TradeIds
from streams.records import Side

MAX_STREAMS: Final = 1024
"""Streams that one connection may listen to."""
MAX_AHEAD_NS: Final = 10_000_000_000

_IN_URL: Final = 100
"""Streams named in the URL, whose length servers limit; the others are subscribed to by messages."""
_IN_MESSAGE: Final = 500
_LIST_ID: Final = 9_000
_LIST: Final = f'{{"method":"LIST_SUBSCRIPTIONS","id":{_LIST_ID}}}'
_OUR_FAULT: Final = (0, 1, 2, 3, 4, -1121)
"""Codes of refusals that the same request meets again: malformed, unknown property, invalid symbol."""
_OTHERS: Final = (
    "aggTrade", "avgPrice", "blockTrade", "bookTicker", "compositeIndex", "continuousKline", "contractInfo", "depth",
    "forceOrder", "indexPrice", "kline", "markPrice", "miniTicker", "referencePrice", "ticker", "trade",
)  # fmt: skip
_WORD: Final = re.compile(r"[A-Za-z]+")


class _Trade(Struct, frozen=True, gc=False):
    symbol: str = field(name="s")
    trade_id: int = field(name="t")
    price: float = field(name="p")
    size: float = field(name="q")
    time: int = field(name="T")
    buyer_is_maker: bool = field(name="m")
    kind: str = field(name="X", default="MARKET")


class _Aggregate(Struct, frozen=True, gc=False):
    symbol: str = field(name="s")
    trade_id: int = field(name="a")
    price: float = field(name="p")
    size: float = field(name="q")
    time: int = field(name="T")
    buyer_is_maker: bool = field(name="m")
    kind: str = "MARKET"


class _Book(Struct, frozen=True, gc=False):
    symbol: str = field(name="s")
    update_id: int = field(name="u")
    bid: float = field(name="b")
    bid_size: float = field(name="B")
    ask: float = field(name="a")
    ask_size: float = field(name="A")
    time: int | None = field(name="T", default=None)


class _Error(Struct, frozen=True, gc=False):
    code: int = 0
    msg: str = ""


class _Frame(Struct, frozen=True, gc=False):
    """A combined frame, or the answer to a request, or (on `/ws`) an event as it is."""

    stream: str | None = None
    data: Raw | UnsetType = UNSET
    result: list[str] | UnsetType | None = UNSET
    request: int | str | None = field(name="id", default=None)
    error: _Error | None = None
    code: int | None = None
    msg: str = ""
    event: str | None = field(name="e", default=None)
    book_ticker: int | None = field(name="u", default=None)
    depth: int | None = field(name="lastUpdateId", default=None)


# Numbers are JSON strings at Binance; lax decoding makes them doubles without a detour through Python.
_FRAME: Final = msgspec.json.Decoder(_Frame, strict=False)
_TRADE: Final = msgspec.json.Decoder(_Trade, strict=False)
_AGGREGATE: Final = msgspec.json.Decoder(_Aggregate, strict=False)
_BOOK: Final = msgspec.json.Decoder(_Book, strict=False)


class Binance(CountedAdapter):
    """Adapter of Binance spot; credentials are not used, the streams are public."""

    name = "binance"
    quiet_s = 60.0
    address = "wss://stream.binance.com:9443/stream"
    options = "&timeUnit=MICROSECOND"

    def __init__(self, symbols: Sequence[str], **options: Unpack[Options]) -> None:
        super().__init__(symbols, **options)
        kinds = ("trade",) * self._trades + ("bookTicker",) * self._quotes
        self._streams = [f"{theirs.lower()}@{kind}" for theirs in self._ours for kind in kinds]
        if len(self._streams) > MAX_STREAMS:
            raise ConfigError(
                f"feed {self.name}: {len(self._ours)} symbols are {len(self._streams)} streams, over the {MAX_STREAMS} "
                "of a connection; start a second feed for some of them"
            )
        self._aggregate_ids = TradeIds()
        self._newest_ns: dict[str, int] = {}
        self._listed = False

    def _table(self, symbols: Sequence[str]) -> dict[str, str]:
        return table(self.name, symbols, self._translate)

    def _translate(self, symbol: str) -> tuple[str, str]:
        parts = spot(self.name, symbol)
        return parts.base + parts.quote, parts.symbol

    def url(self) -> str:
        """Return the address of the combined stream, with the first streams in it."""
        return f"{self._url}?streams={'/'.join(self._streams[:_IN_URL])}{self.options}"

    def open(self) -> Sequence[str | bytes]:
        """Return subscriptions to the streams that the URL does not name, and a request to list them all."""
        super().open()
        self._listed = False
        self._newest_ns.clear()
        rest = self._streams[_IN_URL:]
        chunks = [rest[start : start + _IN_MESSAGE] for start in range(0, len(rest), _IN_MESSAGE)]
        asked = [{"method": "SUBSCRIBE", "params": chunk, "id": number} for number, chunk in enumerate(chunks, 1)]
        return [*(msgspec.json.encode(message).decode() for message in asked), _LIST]

    def heartbeat(self) -> str | bytes | None:
        """Return the request to list the subscriptions."""
        return _LIST

    def _read(self, frame: str | bytes, received_ns: int) -> Sequence[Event]:
        head = _FRAME.decode(frame)
        if head.stream is not None and head.data is not UNSET:
            return self._event(head.stream.partition("@")[2], head.data, received_ns)
        if head.event is not None:
            return self._event(head.event, frame, received_ns)
        if head.depth is not None:
            return (NonTick("depth"),)
        if head.book_ticker is not None:
            return self._event("bookTicker", frame, received_ns)
        return (self._answer(head, frame),)

    def _event(self, kind: str, data: Raw | str | bytes, received_ns: int) -> Sequence[Event]:
        if kind == "bookTicker":
            return (self._best(_BOOK.decode(data), received_ns),)
        if kind == "trade":
            return self._executed(_TRADE.decode(data), self._ids)
        if kind == "aggTrade":
            return self._executed(_AGGREGATE.decode(data), self._aggregate_ids)
        if kind == "serverShutdown":
            return (NonTick("server-shutdown"),)
        return (self._other(kind, data),)

    def _executed(self, trade: _Trade | _Aggregate, ids: TradeIds) -> Sequence[Event]:
        symbol = self._ours.get(trade.symbol)
        if symbol is None:
            return (self._unknown_symbol(trade.symbol),)
        ts_ns = epoch_ns(trade.time)
        before = self._follow(symbol, trade.trade_id, ts_ns, ids)
        if before is None:
            return (NonTick("resent"),)
        conditions: tuple[str, ...] = ()
        if trade.kind != "MARKET":
            if trade.price == 0.0:
                return (*before, NonTick("no-execution"))
            conditions = shortened((trade.kind.lower().replace("_", "-"),))
        self._newest_ns[symbol] = ts_ns
        side: Side = "sell" if trade.buyer_is_maker else "buy"
        tick = self._trade(symbol, ts_ns, trade.price, trade.size, side, trade.trade_id, conditions)
        return (*before, tick) if before else (tick,)

    def _best(self, book: _Book, received_ns: int) -> Event:
        symbol = self._ours.get(book.symbol)
        if symbol is None:
            return self._unknown_symbol(book.symbol)
        if book.time is not None:
            ts_ns = epoch_ns(book.time)
        else:
            ts_ns = received_ns
            newest = self._newest_ns.get(symbol, 0)
            if received_ns < newest <= received_ns + MAX_AHEAD_NS:
                ts_ns = newest
        return self._quote(symbol, ts_ns, book.bid, book.ask, book.bid_size, book.ask_size, book.update_id)

    def _other(self, kind: str, frame: Raw | str | bytes) -> NonTick | Unreadable:
        """Return the verdict on a stream that was not asked for: known to Binance, or unknown."""
        word = _WORD.match(kind)
        name = word.group().removesuffix("Update") if word else ""
        return NonTick(name) if name in _OTHERS else self._unreadable("unknown-kind", kind, frame)

    def _answer(self, head: _Frame, frame: str | bytes) -> Event:
        error = head.error or (None if head.code is None else _Error(head.code, head.msg))
        if error is not None:
            return Refused(f"{self.name}: {self._blank(error.msg)} (code {error.code})", error.code in _OUR_FAULT)
        if head.result is UNSET:
            return self._unreadable("unknown-kind", "neither stream, event nor answer", frame)
        if head.request != _LIST_ID or head.result is None:
            return NonTick("subscribe-ack")
        if self._listed:
            return NonTick("heartbeat")
        self._listed = True
        listed = {stream.partition("@")[0].upper() for stream in head.result}
        return Subscribed(tuple(ours for theirs, ours in self._ours.items() if theirs in listed))
