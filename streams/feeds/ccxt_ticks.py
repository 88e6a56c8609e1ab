"""From what ccxt keeps of a market, its unified trades and best quotes, to ticks: each trade once."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from streams.feeds.venue import NonTick, Unreadable
from streams.records import Side, Tick

NS_PER_MS: Final = 1_000_000
REMEMBERED: Final = 4_096
"""Trade ids that are remembered per symbol; ccxt itself keeps the last 1,000 trades."""
_SIDES: Final[dict[object, Side]] = {"buy": "buy", "sell": "sell"}
_SHOWN: Final = 160

Found = Tick | NonTick | Unreadable


class Trades:
    """The trades of one symbol, as they turn up in ccxt's cache.

    After a reconnect many exchanges send their last trades again. A trade whose id was seen among the last 4,096 comes
    out no more; one without an id that turns up in such a list is taken for a new one if it is younger than all before.
    """

    def __init__(self, symbol: str, venue: str) -> None:
        """`symbol` and `venue`: as they stand on the ticks."""
        self._symbol = symbol
        self._venue = venue
        self._last: object = None
        self._latest_ms = -math.inf
        self._ids: dict[str, None] = {}

    def new(self, cache: Sequence[Mapping[str, Any]], received_ns: int) -> list[Found]:
        """Return what stands in the cache, oldest first, and did not the last time."""
        if not cache or cache[-1] is self._last:
            return []
        fresh: list[Mapping[str, Any]] = []
        resent = self._last is not None
        for trade in reversed(cache):
            if trade is self._last:
                resent = False
                break
            fresh.append(trade)
        self._last = cache[-1]
        fresh.reverse()
        if not _in_order(fresh):
            fresh.sort(key=lambda trade: trade.get("timestamp") or 0)
        latest_ms = self._latest_ms
        return [
            trade_tick(trade, self._symbol, self._venue, received_ns)
            for trade in fresh
            if self._is_new(trade, latest_ms if resent else -math.inf)
        ]

    def _is_new(self, trade: Mapping[str, Any], after_ms: float) -> bool:
        time_ms = trade.get("timestamp")
        newer = time_ms is None or time_ms > after_ms
        self._latest_ms = max(self._latest_ms, time_ms or -math.inf)
        number = trade.get("id")
        if not isinstance(number, str):
            return newer
        if number in self._ids:
            return False
        self._ids[number] = None
        if len(self._ids) > REMEMBERED:
            del self._ids[next(iter(self._ids))]
        return True


def trade_tick(trade: Mapping[str, Any], symbol: str, venue: str, received_ns: int) -> Tick | Unreadable:
    """A unified trade as a tick; its time is the venue's in whole milliseconds, or `received_ns` where it has none."""
    price, size = _number(trade.get("price")), _number(trade.get("amount"))
    if price is None or price <= 0 or size is None or size < 0:
        return _unreadable("bad-trade", trade, ("id", "timestamp", "price", "amount"))
    ts_ns = _time(trade, received_ns)
    if ts_ns is None:
        return _unreadable("bad-time", trade, ("id", "timestamp"))
    number = trade.get("id")
    digits = isinstance(number, str) and number.isascii() and number.isdigit() and len(number) < 19
    return Tick(
        symbol,
        ts_ns,
        price=price,
        size=size,
        side=_SIDES.get(trade.get("side")),
        seq=int(number) if isinstance(number, str) and digits else None,
        venue=venue,
        clock=venue,
    )


def quote_tick(quote: Mapping[str, Any], symbol: str, venue: str, received_ns: int) -> Found:
    """A unified ticker's best bid and ask as a tick; one without both prices is no quote of ours."""
    bid, ask = _number(quote.get("bid")), _number(quote.get("ask"))
    if not bid or not ask:
        return NonTick("one-sided")
    bid_size, ask_size = _number(quote.get("bidVolume")), _number(quote.get("askVolume"))
    if bid < 0 or ask < 0 or (bid_size or 0) < 0 or (ask_size or 0) < 0:
        return _unreadable("bad-quote", quote, ("bid", "ask", "bidVolume", "askVolume"))
    ts_ns = _time(quote, received_ns)
    if ts_ns is None:
        return _unreadable("bad-time", quote, ("timestamp",))
    return Tick(symbol, ts_ns, bid=bid, ask=ask, bid_size=bid_size, ask_size=ask_size, venue=venue, clock=venue)


def top_of(book: Mapping[str, Any]) -> dict[str, Any]:
    """The best bid and ask of a unified order book, as a ticker has them."""
    bid, bid_size = _best(book.get("bids"))
    ask, ask_size = _best(book.get("asks"))
    return {
        "bid": bid, "bidVolume": bid_size, "ask": ask, "askVolume": ask_size, "timestamp": book.get("timestamp"),
    }  # fmt: skip


def _best(side: Any) -> tuple[Any, Any]:
    return (side[0][0], side[0][1]) if side else (None, None)


def _in_order(trades: Iterable[Mapping[str, Any]]) -> bool:
    last = 0
    for trade in trades:
        time = trade.get("timestamp") or last
        if time < last:
            return False
        last = time
    return True


def _number(value: object) -> float | None:
    """A finite float; None where there is nothing or something else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _time(record: Mapping[str, Any], received_ns: int) -> int | None:
    time_ms = record.get("timestamp")
    if time_ms is None:
        return received_ns
    number = _number(time_ms)
    ts_ns = 0 if number is None else int(number) * NS_PER_MS
    return ts_ns if 0 < ts_ns < 2**63 else None


def _unreadable(reason: str, record: Mapping[str, Any], names: Sequence[str]) -> Unreadable:
    return Unreadable(reason, ", ".join(f"{name} {str(record.get(name))[:40]!r}" for name in names)[:_SHOWN])
