"""The native adapters as tests make them, and what came out of them."""

import msgspec
from pydantic import SecretStr

from streams.feeds.credentials import Credentials
from streams.feeds.venue import Event, NonTick, Venue
from streams.feeds.venues import constructor
from streams.records import Tick

KEY = "AKTESTKEY0123456789"
SECRET = "sEcReT/of+the=tests"  # noqa: S105 - of nobody
CREDENTIALS = Credentials(SecretStr(KEY), SecretStr(SECRET))
RECEIVED_NS = 1_723_161_300_000_000_000

SYMBOLS = {
    "alpaca": ("AAPL", "BRK.B"),
    "binance": ("BTC/USDT", "ETH/USDT"),
    "binancecoinm": ("BTC/USD-BTC", "ETH/USD-ETH-250328"),
    "binanceusdm": ("BTC/USDT-USDT", "1000SHIB/USDT-USDT"),
    "coinbase": ("BTC/USD", "ETH/EUR"),
    "kabu": ("7203", "8306@1"),
    "kraken": ("BTC/USD", "DOGE/EUR"),
    "kraken-v1": ("BTC/USD", "DOGE/EUR"),
    "polygon": ("AAPL", "MSFT"),
}
"""Two symbols of every venue."""


def adapter(name: str, *symbols: str, quotes: bool = True, trades: bool = True, url: str | None = None) -> Venue:
    """Make an adapter with the tests' credentials, of its two symbols unless others are given."""
    make = constructor(name)
    return make(symbols or SYMBOLS[name], credentials=CREDENTIALS, quotes=quotes, trades=trades, url=url)


def received(venue: Venue, message: object) -> list[Event]:
    """Hand a message as JSON (text as it is) to the adapter."""
    frame = message if isinstance(message, str | bytes) else msgspec.json.encode(message).decode()
    return list(venue.receive(frame, RECEIVED_NS))


def one(venue: Venue, message: object) -> Event:
    """Hand over a message of which one event comes."""
    (event,) = received(venue, message)
    return event


def tick(venue: Venue, message: object) -> Tick:
    """Hand over a message of which one tick comes."""
    event = one(venue, message)
    assert isinstance(event, Tick), event
    return event


def kind(venue: Venue, message: object) -> str:
    """Hand over a message that is known and no tick."""
    event = one(venue, message)
    assert isinstance(event, NonTick), event
    return event.kind
