"""Filters of a feed: each looks at a tick and names the reason to keep it back, or None to let it pass."""

from collections.abc import Callable, Iterable

from streams.records import Tick

Filter = Callable[[Tick], str | None]
"""The reason is a short fixed word: it is a key of the report."""


def allow_symbols(symbols: Iterable[str]) -> Filter:
    """Return a filter that passes ticks of `symbols` only; the others are counted as `symbol`."""
    allowed = frozenset(symbols)

    def check(tick: Tick) -> str | None:
        return None if tick.symbol in allowed else "symbol"

    return check


def trades_only(tick: Tick) -> str | None:
    """Pass ticks with a price; pure quotes are counted as `quote`."""
    return "quote" if tick.price is None else None
