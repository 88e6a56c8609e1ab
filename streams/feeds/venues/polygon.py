"""Polygon (Massive since October 2025): trades and the national best quotes of US stocks.

https://massive.com/docs/websocket/stocks/trades and .../quotes

- The venue says `connected`, we log in, it says `auth_success`, we subscribe to `T.AAPL,Q.AAPL`.
- `q` grows within a ticker but not by one: it is `seq`, and shows no holes. There is no aggressor.
- Times (`t`, of the tape) are milliseconds, in some clusters nanoseconds: their size tells. Conditions are the
  numbers of the venue's own table, as text.
- Sizes of quotes are as the venue gives them: in shares since November 2025, in round lots before.
"""

from collections.abc import Sequence
from typing import Final, Unpack

import msgspec
from msgspec import Raw, Struct

from streams.feeds.credentials import required
from streams.feeds.venue import Event, NonTick, Refused, Send, Subscribed
from streams.feeds.venues.adapter import Adapter, Options, epoch_ns, shortened
from streams.feeds.venues.symbols import table, ticker

_OTHERS: Final = {"A": "bar", "AM": "bar", "LULD": "luld", "FMV": "fair-value", "NOI": "imbalance"}
"""Messages that are no ticks, by `ev`."""
_FATAL: Final = ("auth_failed", "not_authorized")
_PASSING: Final = ("auth_timeout", "max_connections", "force_disconnect")


class _Trade(Struct, frozen=True, gc=False, tag_field="ev", tag="T"):
    symbol: str = msgspec.field(name="sym")
    price: float = msgspec.field(name="p")
    time: int = msgspec.field(name="t")
    size: float = msgspec.field(name="s", default=0.0)
    sequence: int | None = msgspec.field(name="q", default=None)
    conditions: list[int] | None = msgspec.field(name="c", default=None)


class _Quote(Struct, frozen=True, gc=False, tag_field="ev", tag="Q"):
    symbol: str = msgspec.field(name="sym")
    time: int = msgspec.field(name="t")
    bid: float = msgspec.field(name="bp", default=0.0)
    bid_size: float = msgspec.field(name="bs", default=0.0)
    ask: float = msgspec.field(name="ap", default=0.0)
    ask_size: float = msgspec.field(name="as", default=0.0)
    sequence: int | None = msgspec.field(name="q", default=None)
    condition: int | None = msgspec.field(name="c", default=None)
    indicators: list[int] | None = msgspec.field(name="i", default=None)


class _Status(Struct, frozen=True, gc=False, tag_field="ev", tag="status"):
    status: str = ""
    message: str = ""


class _Other(Struct, frozen=True, gc=False):
    kind: str = msgspec.field(name="ev")


_Message = _Trade | _Quote | _Status
_FRAME: Final = msgspec.json.Decoder(list[_Message])
_ONE_BY_ONE: Final = msgspec.json.Decoder(list[Raw])
_ONE: Final = msgspec.json.Decoder(_Message)
_OTHER: Final = msgspec.json.Decoder(_Other)


class Polygon(Adapter):
    """Adapter of the stocks cluster.

    Raises:
        ConfigError: there is no key.
    """

    name = "polygon"
    address = "wss://socket.massive.com/stocks"

    def __init__(self, symbols: Sequence[str], **options: Unpack[Options]) -> None:
        super().__init__(symbols, **options)
        self._credentials = required(options["credentials"], self.name)
        self._confirmed: set[str] = set()

    def _table(self, symbols: Sequence[str]) -> dict[str, str]:
        def translate(symbol: str) -> tuple[str, str]:
            ours = ticker(self.name, symbol)
            return ours, ours

        return table(self.name, symbols, translate)

    def open(self) -> Sequence[str | bytes]:
        """Return the login; it holds the key. The subscription follows when the venue has accepted it."""
        self._confirmed.clear()
        return [msgspec.json.encode({"action": "auth", "params": self._credentials.key.get_secret_value()}).decode()]

    def _channels(self, symbol: str) -> list[str]:
        return [f"{kind}.{symbol}" for kind in ("T",) * self._trades + ("Q",) * self._quotes]

    def _read(self, frame: str | bytes, received_ns: int) -> Sequence[Event]:  # noqa: ARG002 - all have times
        try:
            messages = _FRAME.decode(frame)
        except msgspec.ValidationError:
            return [event for raw in _ONE_BY_ONE.decode(frame) for event in self._alone(raw)]
        return [event for message in messages for event in self._events(message)]

    def _alone(self, raw: Raw) -> Sequence[Event]:
        """Read one message of a frame in which some message is no tick, so that the others are not lost with it."""
        try:
            kind = _OTHER.decode(raw).kind
            if kind in _OTHERS:
                return (NonTick(_OTHERS[kind]),)
            if kind not in ("T", "Q", "status"):
                return (self._unreadable("unknown-kind", f"ev={kind[:32]!r}", raw),)
            return self._events(_ONE.decode(raw))
        except msgspec.ValidationError as error:
            return (self._unreadable("invalid", str(error), raw),)

    def _events(self, message: _Message) -> Sequence[Event]:
        if isinstance(message, _Status):
            return self._status(message)
        symbol = self._ours.get(message.symbol)
        if symbol is None:
            return (self._unknown_symbol(message.symbol),)
        try:
            ts_ns = epoch_ns(message.time)
        except ValueError as error:
            return (self._unreadable("invalid", str(error), str(message.time)),)
        if isinstance(message, _Trade):
            conditions = shortened(message.conditions)
            return (self._trade(symbol, ts_ns, message.price, message.size, None, message.sequence, conditions),)
        numbers = [message.condition] if message.condition is not None else []
        conditions = shortened([*numbers, *(message.indicators or [])])
        return (
            self._quote(
                symbol,
                ts_ns,
                message.bid,
                message.ask,
                message.bid_size,
                message.ask_size,
                message.sequence,
                conditions,
            ),
        )

    def _status(self, message: _Status) -> Sequence[Event]:
        status, text = message.status, self._blank(message.message)
        if status == "connected":
            return (NonTick("connected"),)
        if status == "auth_success":
            channels = ",".join(name for symbol in self._ours for name in self._channels(symbol))
            return NonTick("authenticated"), Send(
                msgspec.json.encode({"action": "subscribe", "params": channels}).decode()
            )
        if status == "success":
            return (self._subscribed(text),)
        if status in _FATAL or (status == "error" and "not authorized" in text.lower()):
            return (Refused(f"{self.name}: {text or status}", fatal=True),)
        if status in _PASSING or status == "error":
            return (Refused(f"{self.name}: {text or status}", fatal=False),)
        return (NonTick("status"),)

    def _subscribed(self, text: str) -> Event:
        """Return the symbols of which the last channel is confirmed: `subscribed to: T.AAPL`, one at a time."""
        before = {symbol for symbol in self._ours if self._confirmed.issuperset(self._channels(symbol))}
        self._confirmed.update(name.strip() for name in text.partition(":")[2].split(","))
        now = (symbol for symbol in self._ours if self._confirmed.issuperset(self._channels(symbol)))
        confirmed = tuple(symbol for symbol in now if symbol not in before)
        return Subscribed(confirmed) if confirmed else NonTick("ack")
