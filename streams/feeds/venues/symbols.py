"""Symbols: ours on the ticks, the venue's on the wire.

Ours are ccxt's unified symbols with `-` for the `:` that separates Redis keys: `BTC/USDT` (spot), `BTC/USDT-USDT` (a
perpetual settled in USDT), `BTC/USDT-USDT-250328` (a future and its expiry); of stocks the ticker, `AAPL` or `BRK.B`.
So the same symbol comes out of a native adapter and of ccxt, and one can replace the other.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from streams.errors import ConfigError
from streams.records import SYMBOL_PATTERN

_SYMBOL: Final = re.compile(SYMBOL_PATTERN)
_PAIR: Final = re.compile(r"([A-Z0-9.]+)/([A-Z0-9.]+)(?:-([A-Z0-9.]+)(?:-(\d{6}))?)?")


class Pair(NamedTuple):
    """The parts of a unified symbol."""

    symbol: str
    """As it stands on the ticks."""
    base: str
    quote: str
    settle: str | None = None
    """Of a derivative: what it is settled in."""
    expiry: str | None = None
    """Of a dated future: YYMMDD."""


def pair(venue: str, symbol: str) -> Pair:
    """Take a unified symbol to pieces; ccxt's `:` is taken for our `-`.

    Raises:
        ConfigError: it is none, or a tick could not hold it.
    """
    ours = symbol.replace(":", "-")
    found = _PAIR.fullmatch(ours)
    if found is None or not _SYMBOL.fullmatch(ours):
        raise ConfigError(
            f"feed {venue}: symbol={symbol!r} is no unified symbol of at most 32 characters; give BASE/QUOTE in "
            "capitals, such as BTC/USDT, or BASE/QUOTE-SETTLE of a derivative, such as BTC/USDT-USDT"
        )
    return Pair(ours, *found.groups())


def spot(venue: str, symbol: str) -> Pair:
    """Take the symbol of a spot market to pieces.

    Raises:
        ConfigError: it is no unified symbol, or one of a derivative.
    """
    parts = pair(venue, symbol)
    if parts.settle is not None:
        raise ConfigError(f"feed {venue}: symbol={symbol!r} is a derivative, this is a spot market; give BASE/QUOTE")
    return parts


def ticker(venue: str, symbol: str) -> str:
    """Return the ticker of a stock as it is.

    Raises:
        ConfigError: a tick could not hold it, or `,` and `*` would mean more than one stock to the venue.
    """
    if not _SYMBOL.fullmatch(symbol) or symbol != symbol.upper():
        raise ConfigError(
            f"feed {venue}: symbol={symbol!r} is no ticker; give 1 to 32 of A-Z 0-9 . _ / -, such as AAPL or BRK.B"
        )
    return symbol


def table(venue: str, symbols: Iterable[str], translate: Callable[[str], tuple[str, str]]) -> dict[str, str]:
    """Return the venue's spelling -> ours of all `symbols`, in their order; a symbol given twice counts once.

    `translate` returns (the venue's spelling, ours).

    Raises:
        ConfigError: there is no symbol, or two of ours are one to the venue.
    """
    found: dict[str, str] = {}
    for symbol in symbols:
        theirs, ours = translate(symbol)
        if found.setdefault(theirs, ours) != ours:
            raise ConfigError(
                f"feed {venue}: symbols {found[theirs]!r} and {ours!r} are both {theirs!r} there; give one of them"
            )
    if not found:
        raise ConfigError(f"feed {venue}: no symbols; name at least one")
    return found
