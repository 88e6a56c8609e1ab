"""kabu STATION (Mitsubishi UFJ eSmart Securities): Japanese stocks and futures, pushed by the program on this machine.

https://kabucom.github.io/kabusapi/ptal/push.html

A push is a whole board. Ticks come of it where something was traded since the push before (the trade goes first, for
the quotes are those it left) and where the best quotes changed; a push without either is counted as `depth`.

- **Sizes**: the board has the volume of the day alone, so a size is its increase; several trades between two pushes are
  one tick with the sum. The first push of a symbol after connecting, and of a day, gives no trade, for nobody knows
  what was traded when; a volume that falls starts anew. An opening is known, though: the volume was null since we
  connected, and now is as old as the opening price.
- **Quotes**: swapped back (see kabu_board.py). Special quotes, those before the opening and the like have a condition.
  Without a best buy or sell there is no quote.
- **Times** are the venue's, in whole seconds (JST): of the volume, and the newer one of the two quotes.
- Nothing is pushed in the lunch break and after the close. Symbols (50 at most) are registered by HTTP before each
  connection; the key is the API password.

Symbols are codes, `7203`, at an exchange, `7203@1`: 1 Tokyo (where none is named), 3 Nagoya, 5 Fukuoka, 6 Sapporo, and
of futures and options 2 (all day), 23 (day), 24 (night). The tick has the code alone.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple, Unpack

import aiohttp
import msgspec

from streams.errors import ConfigError, RetryError
from streams.feeds.credentials import required
from streams.feeds.venue import Event, NonTick
from streams.feeds.venues.adapter import ALL_DAY_S, Adapter, Options
from streams.feeds.venues.instants import instant_ns
from streams.feeds.venues.kabu_board import Board, quote_conditions, trade_condition
from streams.feeds.venues.symbols import table

MAX_SYMBOLS: Final = 50
_SYMBOL: Final = re.compile(r"([0-9A-Z]{1,16})(?:@(\d{1,2}))?")
_BOARD: Final = msgspec.json.Decoder(Board)
_FATAL: Final = (4001005, 4001013, 4001016, 4002001, 4002006)
"""Codes that the same request meets again: parameters, the password, a code that does not exist, too many symbols. The
others may pass, such as 4001007: kabu STATION is not logged in, as every early morning."""


class _Last(NamedTuple):
    """What the next push of a symbol is compared with."""

    volume: float | None
    day: str
    """Date of that volume, `2022-04-04`."""
    quote: tuple[float | None, float | None, float | None, float | None, tuple[str, ...]]


class Kabu(Adapter):
    """Adapter of kabu STATION.

    Raises:
        ConfigError: there is no key (the API password), or there are more than 50 symbols.
    """

    name = "kabu"
    # kabu STATION does not answer pings; it is on this machine, so a lost connection is seen at once.
    heartbeat_s = ALL_DAY_S
    address = "ws://localhost:18080/kabusapi/websocket"

    def __init__(self, symbols: Sequence[str], **options: Unpack[Options]) -> None:
        self._exchanges: dict[str, int] = {}
        super().__init__(symbols, **options)
        self._credentials = required(options["credentials"], self.name)
        if len(self._ours) > MAX_SYMBOLS:
            raise ConfigError(f"feed {self.name}: {len(self._ours)} symbols, kabu STATION pushes {MAX_SYMBOLS} at most")
        self._last: dict[str, _Last] = {}

    def _table(self, symbols: Sequence[str]) -> dict[str, str]:
        return table(self.name, symbols, self._translate)

    def _translate(self, symbol: str) -> tuple[str, str]:
        found = _SYMBOL.fullmatch(symbol)
        if found is None:
            raise ConfigError(f"feed {self.name}: symbol={symbol!r} is no code; give one such as 7203 or 7203@1")
        code, exchange = found[1], int(found[2] or 1)
        if self._exchanges.setdefault(code, exchange) != exchange:
            raise ConfigError(
                f"feed {self.name}: symbol {code!r} at exchanges {self._exchanges[code]} and {exchange} would be one "
                "on the ticks; give one of them"
            )
        return code, code

    async def prepare(self, http: aiohttp.ClientSession) -> None:
        """Get a token and register the symbols, beside whatever is registered already.

        Raises:
            ConfigError: kabu STATION refuses the password or a symbol.
            RetryError: it answers something else, for instance while it starts.
            aiohttp.ClientError, OSError: it does not answer.
        """
        base = self._url.replace("ws", "http", 1).removesuffix("/websocket")
        password = self._credentials.key.get_secret_value()
        answer = await self._call(http, "POST", f"{base}/token", {"APIPassword": password}, {})
        token = answer.get("Token")
        if not isinstance(token, str) or not token:
            raise RetryError(f"feed {self.name}: {base}/token gave no token; is kabu STATION logged in?")
        symbols = [{"Symbol": code, "Exchange": exchange} for code, exchange in self._exchanges.items()]
        await self._call(http, "PUT", f"{base}/register", {"Symbols": symbols}, {"X-API-KEY": token})

    async def _call(
        self, http: aiohttp.ClientSession, method: str, url: str, body: dict[str, object], headers: dict[str, str]
    ) -> dict[str, object]:
        data = msgspec.json.encode(body)
        async with http.request(
            method, url, data=data, headers={"Content-Type": "application/json", **headers}
        ) as response:
            status, text = response.status, await response.read()
        try:
            answer = msgspec.json.decode(text, type=dict[str, object])
        except (msgspec.MsgspecError, ValueError):
            answer = {}
        if status == 200:
            return answer
        said = self._blank(f"{answer.get('Message', '')} (code {answer.get('Code', '')}, HTTP {status})")
        if answer.get("Code") in _FATAL:
            raise ConfigError(
                f"feed {self.name}: {method} {url}: {said}; give the API password as key, and codes that the exchange "
                f"has, not {','.join(self._exchanges)} as they are"
            )
        raise RetryError(f"feed {self.name}: {method} {url}: {said}; is kabu STATION running and logged in?")

    def open(self) -> Sequence[str | bytes]:
        """Return no frame: the push begins by itself. What was traded while we were away is not one trade."""
        self._last.clear()
        return ()

    def _read(self, frame: str | bytes, received_ns: int) -> Sequence[Event]:
        board = _BOARD.decode(frame)
        symbol = self._ours.get(board.symbol)
        if symbol is None:
            return (self._unknown_symbol(board.symbol),)
        last, now = self._last.get(symbol), _state(board)
        self._last[symbol] = now._replace(volume=last.volume, day=last.day) if last and now.volume is None else now
        events: list[Event] = []
        size = _traded(board, last, now)
        if self._trades and size > 0.0 and board.price is not None:
            ts_ns = _newest(received_ns, board.volume_time or board.price_time)
            conditions = trade_condition(board.price_status)
            events.append(self._trade(symbol, ts_ns, board.price, size, None, None, conditions))
        if self._quotes and (last is None or last.quote != now.quote):
            events.append(self._best(symbol, board, received_ns))
        return events or (NonTick("depth"),)

    def _best(self, symbol: str, board: Board, received_ns: int) -> Event:
        ts_ns = _newest(received_ns, board.bid_time, board.ask_time)
        signs = quote_conditions(board.bid_sign, board.ask_sign)
        bid, ask = board.bid or 0.0, board.ask or 0.0
        return self._quote(symbol, ts_ns, bid, ask, board.bid_size, board.ask_size, None, signs)


def _newest(received_ns: int, *times: str | None) -> int:
    return max((instant_ns(time) for time in times if time), default=received_ns)


def _state(board: Board) -> _Last:
    signs = quote_conditions(board.bid_sign, board.ask_sign)
    day = (board.volume_time or "")[:10]
    return _Last(board.volume, day, (board.bid, board.bid_size, board.ask, board.ask_size, signs))


def _traded(board: Board, last: _Last | None, now: _Last) -> float:
    """Return the quantity traded since the push before; 0 where that cannot be told."""
    if last is None or now.volume is None:
        return 0.0
    if last.volume is None:
        opening = board.opening_time is not None and board.opening_time == board.volume_time
        return now.volume if opening else 0.0
    if last.day != now.day:
        return 0.0
    return max(now.volume - last.volume, 0.0)
