"""What the adapters share: a frame never raises, a value out of range never becomes a tick, a secret never shows."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Required, TypedDict

import msgspec
from msgspec import Raw
from pydantic import SecretStr

from streams.errors import ConfigError
from streams.feeds.credentials import Credentials
from streams.feeds.venue import Event, NonTick, Unreadable
from streams.feeds.venues.instants import instant_ns
from streams.records import MAX_CONDITION, MAX_CONDITIONS, Side, Tick

ALL_DAY_S: Final = 86_400.0
"""`quiet_s` of a market that closes: silence says nothing there, WebSocket pings watch the connection."""

_MAX_NS: Final = 2**63
_SHOWN: Final = 160


class Options(TypedDict, total=False):
    """What the constructor of every adapter takes beside the symbols."""

    credentials: Required[Credentials | None]
    quotes: bool
    trades: bool
    url: str | None


class Adapter:
    """Base of the native adapters: a subclass decodes in `_read` and may raise whatever msgspec raises."""

    name = ""
    quiet_s = ALL_DAY_S
    heartbeat_s = 20.0
    address = ""
    """Where the venue listens, unless the constructor is told another `url`."""

    def __init__(
        self,
        symbols: Sequence[str],
        *,
        credentials: Credentials | None,
        quotes: bool = True,
        trades: bool = True,
        url: str | None = None,
    ) -> None:
        if not quotes and not trades:
            raise ConfigError(f"feed {self.name}: neither quotes nor trades are wanted; ask for one of them")
        self._quotes, self._trades = quotes, trades
        self._url = url or self.address
        self._secrets = _secrets(credentials)
        self._ours = self._table(symbols)

    def _table(self, symbols: Sequence[str]) -> dict[str, str]:
        """Return the venue's spelling -> ours."""
        raise NotImplementedError

    def _read(self, frame: str | bytes, received_ns: int) -> Sequence[Event]:
        """Decode a frame; what it raises becomes an Unreadable."""
        raise NotImplementedError

    def symbols(self) -> tuple[str, ...]:
        """Return the symbols as they stand on the ticks."""
        return tuple(self._ours.values())

    def url(self) -> str:
        """Return the address to connect to."""
        return self._url

    def headers(self) -> Mapping[str, str]:
        """Return HTTP headers of the handshake: none."""
        return {}

    def open(self) -> Sequence[str | bytes]:
        """Return the frames to send after connecting: none."""
        return ()

    def heartbeat(self) -> str | bytes | None:
        """Return the frame to send every `heartbeat_s`: none, WebSocket pings do."""
        return None

    def receive(self, frame: str | bytes, received_ns: int) -> Sequence[Event]:
        """Return what a frame says, in order and at least one event. Never raises, whatever the frame holds."""
        try:
            return self._read(frame, received_ns) or (NonTick("empty"),)
        except msgspec.ValidationError as error:
            return (self._unreadable("invalid", str(error), frame),)
        # A lone surrogate, an integer of a thousand digits, a thousand brackets: no JSON that we would read.
        except (msgspec.MsgspecError, UnicodeError, OverflowError, RecursionError) as error:
            return (self._unreadable("bad-json", str(error), frame),)
        except ValueError as error:  # a time that is none
            return (self._unreadable("invalid", str(error), frame),)

    def _unreadable(self, reason: str, why: str, frame: str | bytes | Raw) -> Unreadable:
        """Say what was wrong with a frame, shortened, with what we logged in by blanked out."""
        shown = str(frame) if isinstance(frame, str) else bytes(frame).decode("utf-8", "replace")
        return Unreadable(reason, f"{self._blank(why)[:_SHOWN]}: {self._blank(shown)[:_SHOWN]!r}")

    def _unknown_symbol(self, theirs: str) -> Unreadable:
        return Unreadable("unknown-symbol", f"{theirs[:_SHOWN]!r} was not asked for")

    def _blank(self, text: str) -> str:
        """Return a venue's words without the key and the secret, should it send them back."""
        for secret in self._secrets:
            value = secret.get_secret_value()
            in_json = msgspec.json.encode(value).decode()[1:-1]
            for written in (value, in_json, in_json.replace("/", "\\/")):
                text = text.replace(written, "***")
        return text

    def _trade(
        self,
        symbol: str,
        ts_ns: int,
        price: float,
        size: float,
        side: Side | None = None,
        seq: int | str | None = None,
        conditions: tuple[str, ...] = (),
    ) -> Tick | Unreadable:
        """Make the tick of a trade, or say which number is out of range."""
        if 0.0 < price < math.inf and 0.0 <= size < math.inf and 0 < ts_ns < _MAX_NS:
            return Tick(
                symbol=symbol,
                ts_ns=ts_ns,
                price=price,
                size=size,
                side=side,
                seq=seq,
                venue=self.name,
                clock=self.name,
                conditions=conditions,
            )
        return Unreadable("bad-value", f"{symbol}: trade at ts_ns={ts_ns} with price={price}, size={size}")

    def _quote(
        self,
        symbol: str,
        ts_ns: int,
        bid: float,
        ask: float,
        bid_size: float | None,
        ask_size: float | None,
        seq: int | str | None = None,
        conditions: tuple[str, ...] = (),
    ) -> Tick | NonTick | Unreadable:
        """Make the tick of a quote; one with an empty side, written as price 0, is no tick but known."""
        if (
            0.0 < bid < math.inf
            and 0.0 < ask < math.inf
            and (bid_size is None or 0.0 <= bid_size < math.inf)
            and (ask_size is None or 0.0 <= ask_size < math.inf)
            and 0 < ts_ns < _MAX_NS
        ):
            return Tick(
                symbol=symbol,
                ts_ns=ts_ns,
                bid=bid,
                ask=ask,
                bid_size=bid_size,
                ask_size=ask_size,
                seq=seq,
                venue=self.name,
                clock=self.name,
                conditions=conditions,
            )
        if (bid == 0.0 and 0.0 <= ask < math.inf) or (ask == 0.0 and 0.0 <= bid < math.inf):
            return NonTick("one-sided-quote")
        return Unreadable(
            "bad-value", f"{symbol}: quote at ts_ns={ts_ns} with bid={bid} ({bid_size}), ask={ask} ({ask_size})"
        )


def epoch_ns(value: int) -> int:
    """Return nanoseconds since the epoch of a time in milli-, micro- or nanoseconds: its size tells which.

    Milliseconds below 10^14 last until the year 5138, microseconds from 10^14 on begin in 1973.

    Raises:
        ValueError: before 1973 in whatever unit.
    """
    if value < 100_000_000_000:
        raise ValueError(f"time {value} is no time since 1973 in milli-, micro- or nanoseconds")
    if value < 100_000_000_000_000:
        return value * 1_000_000
    if value < 100_000_000_000_000_000:
        return value * 1_000
    return value


def time_ns(text: str | None, received_ns: int) -> int:
    """Return the nanoseconds of an RFC 3339 time, or when the frame was received where there is none.

    Raises:
        ValueError: it is no RFC 3339 time.
    """
    return instant_ns(text) if text else received_ns


def shortened(conditions: Iterable[object] | None) -> tuple[str, ...]:
    """Return a venue's conditions as a tick can hold them: texts that are not empty, at most 16 of 16 characters."""
    if not conditions:
        return ()
    texts = (str(condition)[:MAX_CONDITION] for condition in conditions)
    return tuple(text for text in texts if text)[:MAX_CONDITIONS]


def _secrets(credentials: Credentials | None) -> tuple[SecretStr, ...]:
    if credentials is None:
        return ()
    return tuple(secret for secret in (credentials.key, credentials.secret) if secret is not None and len(secret))
