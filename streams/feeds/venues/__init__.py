"""The venues that a feed can connect to, by name; a venue's module is loaded when its name is asked for."""

from collections.abc import Sequence
from importlib import import_module
from typing import Final, Protocol, cast

from streams.errors import ConfigError
from streams.feeds.credentials import Credentials
from streams.feeds.venue import Venue

NATIVE: Final = {
    "alpaca": "streams.feeds.venues.alpaca:Alpaca",
    "binance": "streams.feeds.venues.binance:Binance",
    "binancecoinm": "streams.feeds.venues.binance_futures:BinanceCoinM",
    "binanceusdm": "streams.feeds.venues.binance_futures:BinanceUsdM",
    "coinbase": "streams.feeds.venues.coinbase:Coinbase",
    "kabu": "streams.feeds.venues.kabu:Kabu",
    "kraken": "streams.feeds.venues.kraken:Kraken",
    "kraken-v1": "streams.feeds.venues.kraken_v1:KrakenV1",
    "polygon": "streams.feeds.venues.polygon:Polygon",
}
"""Name -> module and class of every venue with an adapter of its own."""


class Constructor(Protocol):
    """How every adapter is made."""

    def __call__(
        self,
        symbols: Sequence[str],
        *,
        credentials: Credentials | None,
        quotes: bool = True,
        trades: bool = True,
        url: str | None = None,
    ) -> Venue:
        """Make the adapter of `symbols`; `url` replaces the venue's own address.

        Raises:
            ConfigError: a symbol that the venue or a tick cannot hold, or credentials that are missing.
        """
        ...


def constructor(name: str) -> Constructor:
    """Return the constructor of the venue `name`.

    Raises:
        ConfigError: there is no such venue.
    """
    path = NATIVE.get(name)
    if path is None:
        raise ConfigError(f"feed {name!r}: no such venue; known are {', '.join(sorted(NATIVE))}")
    module, _, attribute = path.partition(":")
    return cast("Constructor", getattr(import_module(module), attribute))
