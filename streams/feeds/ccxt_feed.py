"""Any exchange of ccxt as a source of events: trades, and best bid and ask, of its unified symbols."""

import asyncio
import difflib
import re
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from typing import Any, Final

from streams.errors import ConfigError, FatalError
from streams.feeds.ccxt_exchange import load_ccxt, open_exchange
from streams.feeds.ccxt_session import QUOTES, TRADES, Session, calls
from streams.feeds.ccxt_ticks import Trades
from streams.feeds.connection import ConnectionLostError
from streams.feeds.credentials import Credentials
from streams.feeds.venue import Event
from streams.records import SYMBOL_PATTERN

_SHOWN: Final = 240
_SYMBOL: Final = re.compile(SYMBOL_PATTERN)
_BUSY_S: Final = 15.0
"""Pause after the exchange said that we ask too often, or that it is being maintained."""


class CcxtFeed:
    """Some symbols at one exchange of ccxt, as the runtime pumps them (EventSource).

    Symbols are ccxt's unified ones with `-` for `:` (`BTC/USDT`, `BTC/USDT-USDT`). The ticks' `venue` and `clock` are
    the exchange's name, `seq` is the trade's id where that is a number, the time is the exchange's (ccxt knows it in
    milliseconds), or that of the receipt where it gives none. A trade comes once, also where the exchange sends its
    last ones again after a reconnect. Subscriptions, heartbeats and rate limits are ccxt's. Where ccxt uses several
    connections to an exchange, the end of one ends all.
    """

    def __init__(
        self,
        exchange: str,
        symbols: Sequence[str],
        *,
        credentials: Credentials | None = None,
        quotes: bool = True,
        trades: bool = True,
        config: Mapping[str, Any] | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`exchange`: its name in ccxt. `config`: more for the constructor of ccxt's exchange.

        Raises:
            ConfigError: ccxt is not installed or lacks the exchange or what is asked of it, or a symbol cannot be.
        """
        self.name = exchange
        self._symbols = tuple(dict.fromkeys(symbol.replace(":", "-") for symbol in symbols))
        if not self._symbols:
            raise ConfigError(f"feed ccxt:{exchange}: no symbols; name at least one, such as BTC/USDT")
        for symbol in self._symbols:
            if _SYMBOL.fullmatch(symbol) is None:
                raise ConfigError(
                    f"feed ccxt:{exchange}: symbol={symbol!r} is none of a tick's; give 1 to 32 of A-Z a-z 0-9 . _ / -"
                )
        if not quotes and not trades:
            raise ConfigError(f"feed ccxt:{exchange}: neither quotes nor trades are wanted; ask for one of them")
        self._errors: Any = load_ccxt()
        self._credentials, self._config, self._now_ns = credentials, dict(config or {}), now_ns
        self._markets: Any = None
        """The exchange object that loaded the markets: a new connection need not ask again."""
        self._trades = {symbol: Trades(symbol, exchange) for symbol in self._symbols}
        has = self._open(self._session(())).has
        self._methods = [*self._first(has, TRADES, trades), *self._first(has, QUOTES, quotes)]

    def symbols(self) -> tuple[str, ...]:
        """Return the symbols as they stand on the ticks."""
        return self._symbols

    async def connect(self) -> AsyncGenerator[tuple[int, Sequence[Event]], None]:
        """Load the markets, subscribe, and yield (time of receipt in ns, events) message by message.

        Raises:
            ConnectionLostError: the exchange is away, or a connection ended.
            FatalError: the key is refused, a symbol does not exist, or the exchange does not serve us.
        """
        session = self._session(self._methods)
        exchange = self._open(session)
        watching: list[asyncio.Future[None]] = []
        try:
            session.unified = await self._guarded(self._load(exchange))
            watching = [
                asyncio.ensure_future(self._guarded(_for_ever(call)))
                for call in calls(exchange, self._methods, list(session.unified.values()))
            ]
            for watch in watching:
                watch.add_done_callback(lambda _: session.filled.set())
            while True:
                while session.batches:
                    yield session.batches.popleft()
                for watch in watching:
                    if watch.done():
                        watch.result()
                if session.lost is not None:
                    raise self._lost(session.lost)
                session.filled.clear()
                await session.filled.wait()
        finally:
            for watch in watching:
                watch.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            await exchange.close()

    def _session(self, methods: Sequence[str]) -> Session:
        return Session(self.name, self._trades, methods, shown=self._shown, now_ns=self._now_ns)

    def _open(self, session: Session) -> Any:
        exchange = open_exchange(self.name, session, self._credentials, self._config)
        session.exchange = exchange
        if self._markets is not None:
            exchange.set_markets_from_exchange(self._markets)
        return exchange

    async def _load(self, exchange: Any) -> dict[str, str]:
        """Our symbols -> ccxt's, once the markets are known."""
        ours = {symbol.replace(":", "-"): symbol for symbol in await exchange.load_markets()}
        self._markets = exchange
        for symbol in self._symbols:
            if symbol not in ours:
                near = ", ".join(difflib.get_close_matches(symbol, ours, 3)) or "BASE/QUOTE, such as BTC/USDT"
                raise ConfigError(f"feed ccxt:{self.name}: symbol={symbol!r} is no market there; perhaps {near}")
        return {symbol: ours[symbol] for symbol in self._symbols}

    async def _guarded(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do some work of ccxt, its errors as ours."""
        try:
            return await work
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # ccxt cancels what waits on a connection that it closes.
            raise self._lost(None) from None
        except ConfigError:
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ccxt's must not end the feed
            raise self._sorted(error) from None

    def _sorted(self, error: Exception) -> FatalError | ConnectionLostError:
        """Our error for one of ccxt's: whether trying again can help, and what to do."""
        errors = self._errors
        hopeless = (
            (errors.AuthenticationError, "correct HAYATE_FEED_KEY and HAYATE_FEED_SECRET"),
            (errors.RestrictedLocation, "the exchange does not serve where this runs"),
            (errors.NotSupported, "ccxt does not have this of the exchange: leave quotes or trades out"),
            (errors.BadSymbol, "correct the symbol"),
            (errors.ArgumentsRequired, "the exchange wants more than symbols"),
        )
        for kind, remedy in hopeless:
            if isinstance(error, kind):
                said = f"{type(error).__name__}: {self._shown(str(error))}"
                return FatalError(f"feed ccxt:{self.name}: {said}; {remedy}")
        passing = (
            (errors.DDoSProtection, "rate-limit", _BUSY_S),
            (errors.RateLimitExceeded, "rate-limit", _BUSY_S),
            (errors.OnMaintenance, "maintenance", _BUSY_S),
            (errors.RequestTimeout, "stale", 0.0),
            (errors.NetworkError, "unreachable", 0.0),
            (errors.BaseError, "refused", 0.0),
        )
        found = [(reason, wait_s) for kind, reason, wait_s in passing if isinstance(error, kind)]
        return self._lost(error, *(found[0] if found else ("ccxt", 0.0)))

    def _lost(self, error: Exception | None, reason: str = "closed", wait_s: float = 0.0) -> ConnectionLostError:
        if error is None:
            return ConnectionLostError(reason, f"{self.name}: the connection ended", wait_s)
        said = f"{type(error).__name__}: {self._shown(str(error))}"
        return ConnectionLostError(reason, f"{self.name}: {said}", wait_s)

    def _first(self, has: Mapping[str, Any], methods: Sequence[str], wanted: bool) -> list[str]:
        """The first of the methods that the exchange has.

        Raises:
            ConfigError: it has none.
        """
        if not wanted:
            return []
        for method in methods:
            if has.get(method) is True:
                return [method]
        what = "trades" if methods is TRADES else "quotes"
        raise ConfigError(f"feed ccxt:{self.name}: ccxt has no stream of its {what}; leave them out")

    def _shown(self, text: str) -> str:
        """A message of ccxt on one line, shortened, with what we logged in by blanked out."""
        if self._credentials is not None:
            for secret in (self._credentials.key, self._credentials.secret):
                if secret is not None and secret.get_secret_value():
                    text = text.replace(secret.get_secret_value(), "***")
        return " ".join(text.split())[:_SHOWN]


async def _for_ever(call: Callable[[], Any]) -> None:
    while True:
        await call()
