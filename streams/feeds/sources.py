"""Every kind of feed by its name: what `faust -A app feed NAME` opens."""

from collections.abc import Sequence
from typing import Final

from streams.errors import ConfigError
from streams.feeds.connection import WebSocketSource
from streams.feeds.credentials import Credentials
from streams.feeds.json_mapping import JsonMapping
from streams.feeds.json_venue import JsonVenue
from streams.feeds.venue import EventSource
from streams.feeds.venues import NATIVE, constructor

PREFIXES: Final = {
    "ccxt": "ccxt:EXCHANGE, any exchange of ccxt (extra `feeds`)",
    "json": "json:FILE.toml, any JSON WebSocket by a mapping",
    "poll": "poll:FILE.toml, a JSON document fetched again and again by HTTP",
}
"""What stands before the colon, and what it means."""


def open_source(
    name: str,
    symbols: Sequence[str],
    *,
    credentials: Credentials | None = None,
    quotes: bool = True,
    trades: bool = True,
    url: str | None = None,
) -> EventSource:
    """Return the source called `name` for `symbols`; nothing is connected yet. `url` replaces a venue's own address.

    Raises:
        ConfigError: there is no such source, or a symbol, a file or credentials cannot be.
    """
    if not symbols:
        raise ConfigError(f"feed {name}: no symbol: name one or more, such as `feed {name} BTC/USDT`")
    if not (quotes or trades):
        raise ConfigError(f"feed {name}: --no-quotes and --no-trades leave nothing: drop one of them")
    kind, colon, rest = name.partition(":")
    if colon and not rest:
        raise ConfigError(f"feed {name!r}: nothing after the colon; give {PREFIXES.get(kind, 'a name')}")
    if kind == "ccxt" and colon:
        from streams.feeds.ccxt_feed import CcxtFeed  # noqa: PLC0415 - its library takes a second, and is an extra

        _no_url(name, url)
        return CcxtFeed(rest, symbols, credentials=credentials, quotes=quotes, trades=trades)
    if kind == "poll" and colon:
        from streams.feeds.polling import PollingFeed  # noqa: PLC0415 - as the others, when asked for

        return PollingFeed.load(rest, symbols, credentials=credentials, quotes=quotes, trades=trades, url=url)
    if kind == "json" and colon:
        mapping = JsonMapping.load(rest)
        return WebSocketSource(
            JsonVenue(symbols, mapping=mapping, credentials=credentials, quotes=quotes, trades=trades, url=url)
        )
    made = constructor(name)(symbols, credentials=credentials, quotes=quotes, trades=trades, url=url)
    return WebSocketSource(made)


def names() -> str:
    """Return a line for each source there is."""
    return "\n".join([*sorted(NATIVE), *PREFIXES.values()])


def _no_url(name: str, url: str | None) -> None:
    if url is not None:
        raise ConfigError(f"feed {name}: --url={url}: its addresses are the library's own; leave it out")
