"""HTTP polling, for a venue that offers no stream: a JSON document fetched again and again, and what is new in it."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from streams.errors import ConfigError, FatalError
from streams.feeds.connection import ConnectionLostError, shown
from streams.feeds.credentials import Credentials
from streams.feeds.mapping_file import secrets_of
from streams.feeds.poll_mapping import PolledItems, PollMapping
from streams.feeds.poll_news import Page, in_order
from streams.feeds.tick_fields import is_symbol
from streams.feeds.venue import Event, Missing, NonTick, Unbroken, Unreadable
from streams.records import Tick

MAX_BYTES: Final = 16 * 1024 * 1024
MAX_WAIT_S: Final = 3_600.0
_RETRY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_SHOWN: Final = 160


@dataclass
class _Document:
    """One address of a round, and what the server said of its last version."""

    url: str
    symbol: str
    """Ours, where the document is of one symbol alone."""
    etag: str = ""
    modified: str = ""

    def headers(self) -> dict[str, str]:
        """Those that ask for the document only if it changed."""
        conditions = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in conditions.items() if value}


class PollingFeed:
    """Documents fetched every `interval_s`, as a source of events (EventSource); its mapping: PollMapping.

    Only new items become ticks (Page). Where the document says that it holds the last trades (`history`), a page on
    which nothing is known is a hole, and a page that overlaps with what was seen proves that a failed request cost
    nothing. An answer that is an error ends the connection, and the runtime pauses: as long as `Retry-After` says, or
    doubling; a 4xx that asking again cannot mend ends the feed.
    """

    def __init__(
        self,
        mapping: PollMapping,
        symbols: Sequence[str],
        *,
        credentials: Credentials | None = None,
        quotes: bool = True,
        trades: bool = True,
        url: str | None = None,
        env: Mapping[str, str] | None = None,
        now_ns: Callable[[], int] = time.time_ns,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`env`: where headers find their values, `os.environ` unless given. `url` replaces the mapping's.

        Raises:
            ConfigError: a symbol, the address or a header cannot be.
        """
        self.name = mapping.name
        self._mapping = mapping
        self._quotes, self._trades = quotes, trades
        self._symbols = tuple(dict.fromkeys(symbols))
        self._check(url or mapping.url)
        self._ours = {mapping.theirs(symbol): symbol for symbol in self._symbols}
        if len(self._ours) < len(self._symbols):
            raise ConfigError(f"feed {self.name}: two symbols have one name there; correct [symbols]")
        secrets = secrets_of(credentials)
        self._headers = mapping.filled_headers(secrets, env)
        self._documents = [_Document(*place) for place in mapping.urls(self._symbols, secrets, url)]
        self._pages: dict[tuple[str, str, bool], Page] = {}
        self._told: set[tuple[str, str, bool]] = set()
        """Pages that were seen on this connection: table, symbol, whether trades."""
        self._decode = msgspec.json.Decoder(float_hook=Decimal).decode
        self._now_ns, self._sleep = now_ns, sleep

    @classmethod
    def load(
        cls,
        path: Path | str,
        symbols: Sequence[str],
        *,
        credentials: Credentials | None = None,
        quotes: bool = True,
        trades: bool = True,
        url: str | None = None,
    ) -> "PollingFeed":
        """Make the feed of a mapping file.

        Raises:
            ConfigError: the file, or something in it, cannot be used.
        """
        mapping = PollMapping.load(path)
        return cls(mapping, symbols, credentials=credentials, quotes=quotes, trades=trades, url=url)

    def _check(self, url: str) -> None:
        if not self._symbols:
            raise ConfigError(f"feed {self.name}: no symbol: name one or more")
        for symbol in self._symbols:
            if not is_symbol(symbol):
                raise ConfigError(f"feed {self.name}: symbol={symbol!r}: give 1 to 32 of A-Z a-z 0-9 . _ / -")
        for items in self._mapping.items:
            if not items.mapping.names_symbol and len(self._symbols) > 1 and "{symbol}" not in url:
                raise ConfigError(
                    f"{items.where} names no symbol, and the url has no {{symbol}}: give one of them, or one symbol"
                )

    def symbols(self) -> tuple[str, ...]:
        """Return the symbols as they stand on the ticks."""
        return self._symbols

    async def connect(self) -> AsyncGenerator[tuple[int, Sequence[Event]], None]:
        """Fetch round after round, and yield (time of receipt in ns, events) of every answer.

        Raises:
            ConnectionLostError: no answer, or one that says to ask again later.
            FatalError: the server refuses, and asking again cannot help.
        """
        self._told.clear()
        timeout = aiohttp.ClientTimeout(self._mapping.timeout_s)
        async with aiohttp.ClientSession(headers=self._headers, timeout=timeout) as http:
            while True:
                began_s = time.monotonic()
                for document in self._documents:
                    body = await self._fetch(http, document)
                    received_ns = self._now_ns()
                    yield (
                        received_ns,
                        (self._unchanged(document) if body is None else self._read(body, document, received_ns)),
                    )
                await self._sleep(max(self._mapping.interval_s - (time.monotonic() - began_s), 0.0))

    async def _fetch(self, http: aiohttp.ClientSession, document: _Document) -> bytes | None:
        """Return the document, None where it is still the one of before."""
        where = shown(document.url)
        try:
            # A redirect would carry our headers to somebody else.
            async with http.get(document.url, headers=document.headers(), allow_redirects=False) as answer:
                if answer.status == 304:
                    return None
                if answer.status != 200:
                    raise self._refused(answer.status, where, answer.headers.get("Retry-After"))
                body = await _whole(answer)
                document.etag = answer.headers.get("ETag", "")
                document.modified = answer.headers.get("Last-Modified", "")
                return body
        except TimeoutError:
            raise ConnectionLostError(
                "timeout", f"{self.name}: {where} did not answer within {self._mapping.timeout_s:g} s"
            ) from None
        except aiohttp.InvalidURL:
            raise ConfigError(f"feed {self.name}: its url is no HTTP address; give http://... or https://...") from None
        except (aiohttp.ClientError, OSError) as error:
            # The kind alone: the text may hold the address with what it carries.
            raise ConnectionLostError("unreachable", f"{self.name}: {where}: {type(error).__name__}") from None

    def _refused(self, status: int, where: str, retry_after: str | None) -> Exception:
        if status in _RETRY or status >= 500:
            wait_s = _seconds(retry_after, self._now_ns())
            return ConnectionLostError(f"http-{status}", f"{self.name}: {where} answers {status}", wait_s)
        remedy = "correct the url" if status not in (401, 403) else "check the credentials"
        return FatalError(f"feed {self.name}: {where} answers {status}; {remedy}")

    def _unchanged(self, document: _Document) -> list[Event]:
        """Say what it means that the server has no newer document: after a failed request, that nothing was missed."""
        events: list[Event] = [NonTick("unchanged")]
        if len(self._mapping.items) == 1 and self._mapping.items[0].history:
            for symbol in (document.symbol,) if document.symbol else self._symbols:
                place = (self._mapping.items[0].where, symbol, True)
                if place in self._pages and place not in self._told:
                    self._told.add(place)
                    events.append(Unbroken(symbol))
        return events

    def _read(self, body: bytes, document: _Document, received_ns: int) -> list[Event]:
        if len(body) > MAX_BYTES:
            return [Unreadable("too-large", f"a document of more than {MAX_BYTES} bytes")]
        try:
            message = self._decode(body)
        except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError) as error:
            return [Unreadable("bad-json", str(error)[:_SHOWN])]
        events: list[Event] = []
        for items in self._mapping.items:
            found: dict[tuple[str, bool], list[Tick]] = defaultdict(list)
            for event in items.mapping.read(message, received_ns, self._ours.get, document.symbol or None):
                if isinstance(event, Tick):
                    found[event.symbol, event.price is not None].append(event)
                elif event.reason == "unknown-symbol":
                    events.append(NonTick("other-symbol"))
                else:
                    events.append(event)
            for (symbol, is_trade), ticks in found.items():
                events += self._news(items, symbol, is_trade, ticks)
        return events or [NonTick("unchanged")]

    def _news(self, items: PolledItems, symbol: str, is_trade: bool, ticks: list[Tick]) -> list[Event]:
        place = (items.where, symbol, is_trade)
        page = self._pages.setdefault(place, Page(timed=items.timed))
        first = not page.known
        across = place not in self._told
        self._told.add(place)
        fresh, overlaps = page.news(in_order(ticks))
        events: list[Event] = []
        if items.history and not first:
            # A quote that is fetched beside the trades may have been another one meanwhile.
            if overlaps and across and len(self._mapping.items) == 1:
                events.append(Unbroken(symbol))
            elif not overlaps and fresh:
                events.append(Missing(symbol, fresh[0].ts_ns or 0, "page", across))
        if not (self._trades if is_trade else self._quotes):
            return [*events, NonTick("unwanted-trade" if is_trade else "unwanted-quote")]
        return [*events, *fresh]


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    """The body, of which no more is kept than we would read."""
    parts = bytearray()
    async for part in answer.content.iter_chunked(65_536):
        parts += part
        if len(parts) > MAX_BYTES:
            break
    return bytes(parts)


def _seconds(text: str | None, now_ns: int) -> float:
    """`Retry-After`, seconds or a date, in seconds from now; 0 where it says nothing of use."""
    if not text:
        return 0.0
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_WAIT_S)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    now = datetime.fromtimestamp(now_ns / 1e9, UTC)
    return min(max((until.astimezone(UTC) - now).total_seconds(), 0.0), MAX_WAIT_S)
