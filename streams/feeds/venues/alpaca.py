"""Alpaca's stream of US stocks: trades and quotes with their conditions.

https://docs.alpaca.markets/docs/real-time-stock-pricing-data and .../streaming-market-data

- The venue greets, we log in by message, it says `authenticated`, we subscribe. Without a paid plan the stream is that
  of IEX, `wss://stream.data.alpaca.markets/v2/iex`, which is the default; the consolidated tape is `.../v2/sip`.
- A trade id counts within one exchange, so `seq` is the exchange's code and the id, `D-96921`; it does not show holes.
  There is no aggressor. Conditions (`c`) go on the ticks as the tape writes them.
- Corrections (`c`), cancels and errors (`x`) come with the trades unasked. They are counted; no tick is taken back.
"""

from collections.abc import Sequence
from typing import Final, Unpack

import msgspec
from msgspec import Raw, Struct

from streams.feeds.credentials import required
from streams.feeds.venue import Event, NonTick, Refused, Send, Subscribed
from streams.feeds.venues.adapter import Adapter, Options, shortened
from streams.feeds.venues.instants import instant_ns
from streams.feeds.venues.symbols import table, ticker

_OTHERS: Final = {
    "c": "correction",
    "x": "cancel",
    "s": "trading-status",
    "l": "luld",
    "i": "imbalance",
    "b": "bar",
    "d": "daily-bar",
    "u": "updated-bar",
}
"""Messages that are no ticks, by `T`."""
_WILL_PASS: Final = (404, 406, 407, 500)
"""Errors that may be gone at the next try: the login timed out, another connection is still open, we were slow, theirs.
The others (syntax, credentials, subscription plan, number of symbols) are met again."""


class _Trade(Struct, frozen=True, gc=False, tag_field="T", tag="t"):
    symbol: str = msgspec.field(name="S")
    price: float = msgspec.field(name="p")
    size: float = msgspec.field(name="s")
    time: str = msgspec.field(name="t")
    trade_id: int | None = msgspec.field(name="i", default=None)
    exchange: str = msgspec.field(name="x", default="")
    conditions: list[str] | None = msgspec.field(name="c", default=None)


class _Quote(Struct, frozen=True, gc=False, tag_field="T", tag="q"):
    symbol: str = msgspec.field(name="S")
    bid: float = msgspec.field(name="bp")
    bid_size: float = msgspec.field(name="bs")
    ask: float = msgspec.field(name="ap")
    ask_size: float = msgspec.field(name="as")
    time: str = msgspec.field(name="t")
    conditions: list[str] | None = msgspec.field(name="c", default=None)


class _Success(Struct, frozen=True, gc=False, tag_field="T", tag="success"):
    msg: str = ""


class _Error(Struct, frozen=True, gc=False, tag_field="T", tag="error"):
    code: int = 0
    msg: str = ""


class _Subscription(Struct, frozen=True, gc=False, tag_field="T", tag="subscription"):
    trades: list[str] | None = None
    quotes: list[str] | None = None


class _Other(Struct, frozen=True, gc=False):
    kind: str = msgspec.field(name="T")


_Message = _Trade | _Quote | _Success | _Error | _Subscription
_FRAME: Final = msgspec.json.Decoder(list[_Message])
_ONE_BY_ONE: Final = msgspec.json.Decoder(list[Raw])
_ONE: Final = msgspec.json.Decoder(_Message)
_OTHER: Final = msgspec.json.Decoder(_Other)


class Alpaca(Adapter):
    """Adapter of Alpaca's stock streams.

    Raises:
        ConfigError: there are no credentials, key and secret.
    """

    name = "alpaca"
    address = "wss://stream.data.alpaca.markets/v2/iex"

    def __init__(self, symbols: Sequence[str], **options: Unpack[Options]) -> None:
        super().__init__(symbols, **options)
        self._credentials = required(options["credentials"], self.name, secret=True)

    def _table(self, symbols: Sequence[str]) -> dict[str, str]:
        def translate(symbol: str) -> tuple[str, str]:
            ours = ticker(self.name, symbol)
            return ours, ours

        return table(self.name, symbols, translate)

    def open(self) -> Sequence[str | bytes]:
        """Return the login; it holds the secret. The subscription follows when the venue has accepted it."""
        key, secret = self._credentials.key, self._credentials.secret
        login = {"action": "auth", "key": key.get_secret_value(), "secret": secret.get_secret_value() if secret else ""}
        return [msgspec.json.encode(login).decode()]

    def _read(self, frame: str | bytes, received_ns: int) -> Sequence[Event]:  # noqa: ARG002 - all have times
        try:
            messages = _FRAME.decode(frame)
        except msgspec.ValidationError:
            return [self._alone(raw) for raw in _ONE_BY_ONE.decode(frame)]
        return [self._event(message) for message in messages]

    def _alone(self, raw: Raw) -> Event:
        """Read one message of a frame in which some message is no tick, so that the others are not lost with it."""
        try:
            kind = _OTHER.decode(raw).kind
            if kind in _OTHERS:
                return NonTick(_OTHERS[kind])
            if kind not in ("t", "q", "success", "error", "subscription"):
                return self._unreadable("unknown-kind", f"T={kind[:32]!r}", raw)
            return self._event(_ONE.decode(raw))
        except msgspec.ValidationError as error:
            return self._unreadable("invalid", str(error), raw)

    def _event(self, message: _Message) -> Event:
        if isinstance(message, _Trade | _Quote):
            return self._tick(message)
        if isinstance(message, _Subscription):
            listed = [
                set(symbols or ())
                for symbols, wanted in ((message.trades, self._trades), (message.quotes, self._quotes))
                if wanted
            ]
            return Subscribed(tuple(ours for ours in self._ours if all(ours in names for names in listed)))
        if isinstance(message, _Error):
            text = self._blank(message.msg)
            return Refused(f"{self.name}: {text} (code {message.code})", message.code not in _WILL_PASS)
        if message.msg != "authenticated":
            return NonTick("connected")
        symbols = list(self._ours)
        channels = {"trades": symbols} if self._trades else {}
        if self._quotes:
            channels["quotes"] = symbols
        return Send(msgspec.json.encode({"action": "subscribe", **channels}).decode())

    def _tick(self, message: _Trade | _Quote) -> Event:
        symbol = self._ours.get(message.symbol)
        if symbol is None:
            return self._unknown_symbol(message.symbol)
        try:
            ts_ns = instant_ns(message.time)
        except ValueError as error:
            return self._unreadable("invalid", str(error), message.time)
        conditions = shortened(message.conditions)
        if isinstance(message, _Trade):
            seq = None if message.trade_id is None else f"{message.exchange}-{message.trade_id}"
            return self._trade(symbol, ts_ns, message.price, message.size, None, seq, conditions)
        return self._quote(
            symbol, ts_ns, message.bid, message.ask, message.bid_size, message.ask_size, None, conditions
        )
