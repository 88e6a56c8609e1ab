"""Bars: how their intervals are called, and the records of those that closed.

An interval is `<n>s`, `<n>m` or `<n>h` (event time, 1 s to 24 h, a whole part of the UTC day), `<n>t` (n trades),
`<n>v` (a traded quantity of n) or `<n>d` (n units of price x quantity, "dollars"; a day is `24h`).

Time bars are [start, start + interval) on the grid that begins at midnight UTC; a span without a trade has no bar. They
close when the symbol's event time, or a clock mark less the grace, reaches their end. The others close with the trade
that fills them; it belongs to them whole, and what it has too much is not carried over. They run on across sessions.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, NamedTuple

import msgspec

from streams.columns import F64
from streams.errors import ConfigError

Kind = Literal["time", "trades", "volume", "dollars"]

DAY_S: Final = 86_400
_TEXT = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)([smhtvd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600}
_KINDS: Final[dict[str, Kind]] = {"t": "trades", "v": "volume", "d": "dollars"}


@dataclass(frozen=True, slots=True)
class Interval:
    """What fills one bar."""

    name: str
    """The one way to write it: `1m` for `60s`."""
    kind: Kind
    size: float
    """Seconds, trades, quantity, or price x quantity."""


def interval(text: str) -> Interval:
    """Read the name of an interval.

    Raises:
        ConfigError: naming `text`, what is wrong with it and what would do.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"{text!r} is no interval of bars; write for example '1m', '100t' (trades), '5000v' (quantity) or "
            "'1000000d' (price x quantity)"
        )
    number, unit = Decimal(match[1]), match[2]
    if number <= 0:
        raise ConfigError(f"interval {text!r} is empty; write a number above 0")
    if unit in "smht" and number != int(number):
        raise ConfigError(f"interval {text!r} must be a whole number of {'trades' if unit == 't' else 'units of time'}")
    if unit in _KINDS:
        return Interval(f"{number.normalize():f}{unit}", _KINDS[unit], float(number))
    seconds = int(number) * _SECONDS[unit]
    if seconds > DAY_S:
        raise ConfigError(f"interval {text!r} is longer than a day; use 24h at most")
    if DAY_S % seconds:
        per_unit = seconds // int(number)
        parts = [n for n in range(1, DAY_S // per_unit + 1) if DAY_S % (n * per_unit) == 0]
        below = max(n for n in parts if n < number)
        above = min(n for n in parts if n > number)
        raise ConfigError(f"interval {text!r} does not divide the day; use '{below}{unit}' or '{above}{unit}'")
    return Interval(_name(seconds), "time", float(seconds))


def _name(seconds: int) -> str:
    """Seconds in the largest unit that says them exactly."""
    unit, size = next((unit, size) for unit, size in (("h", 3_600), ("m", 60), ("s", 1)) if seconds % size == 0)
    return f"{seconds // size}{unit}"


class ClosedBar(NamedTuple):
    """One bar that closed: the columns of `Folded.bars`, in this order."""

    tick: int
    """Index, in the batch, of the tick or mark that closed it."""
    row: int
    """Its symbol's row."""
    interval: int
    """Index in `FeatureSet.intervals`."""
    number: int
    """How many of this symbol and interval closed before it."""
    start_s: int
    start_ns: int
    """Start: whole seconds since the epoch, and nanoseconds beyond. Of the grid, or of the first trade."""
    end_s: int
    end_ns: int
    """End: start + interval, or the time of the last trade."""
    open: float
    high: float
    low: float
    close: float
    volume: float
    trades: int
    vwap: float
    """Mean price by quantity, NaN without quantity."""
    signed: float
    """Quantity bought less quantity sold by the aggressors."""
    gapped: bool
    """Whether data are known to be missing in it."""


FIELDS: Final = len(ClosedBar._fields)
_WHOLE: Final = frozenset({"tick", "row", "interval", "number", "start_s", "start_ns", "end_s", "end_ns", "trades"})
_CASTS: Final[tuple[Callable[[float], float], ...]] = tuple(
    int if name in _WHOLE else bool if name == "gapped" else float for name in ClosedBar._fields
)


class Bar(msgspec.Struct, frozen=True):
    """Value of a record of the `bars` topic."""

    id: str
    symbol: str
    interval: str
    start_ns: int
    end_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    trades: int
    vwap: float
    signed_volume: float
    gapped: bool
    schema: str


class EncodedBar(NamedTuple):
    """One record of the `bars` topic."""

    tick: int
    """Index, in the batch, of the tick or mark that closed it."""
    symbol: str
    id: str
    value: bytes


class BarEncoder:
    """Encodes the bars of one feature set as the values of the `bars` topic."""

    def __init__(self, intervals: Sequence[Interval], schema: str) -> None:
        self._intervals = tuple(intervals)
        self._schema = schema
        self._encode = msgspec.json.Encoder().encode

    def encode(self, bars: F64, symbols: Sequence[str | bytes]) -> list[EncodedBar]:
        """The records of `Folded.bars`, in order.

        `symbols` are those of the block (`StateBlock.symbols`). A vwap that is NaN becomes null. Several bars of
        trades, quantity or dollars can have one start: their ids end with their number.
        """
        return [self._record(closed(numbers), symbols) for numbers in bars.tolist()]

    def _record(self, bar: ClosedBar, symbols: Sequence[str | bytes]) -> EncodedBar:
        kept = symbols[bar.row]
        symbol = kept if isinstance(kept, str) else kept.decode()
        of = self._intervals[bar.interval]
        start_ns = bar.start_s * 1_000_000_000 + bar.start_ns
        id_ = f"{symbol}|{of.name}|{start_ns}" + ("" if of.kind == "time" else f"|{bar.number}")
        value = self._encode(
            Bar(
                id=id_,
                symbol=symbol,
                interval=of.name,
                start_ns=start_ns,
                end_ns=bar.end_s * 1_000_000_000 + bar.end_ns,
                open=bar.open,
                high=bar.high,
                low=bar.low,
                close=bar.close,
                volume=bar.volume,
                trades=bar.trades,
                vwap=bar.vwap,
                signed_volume=bar.signed,
                gapped=bar.gapped,
                schema=self._schema,
            )
        )
        return EncodedBar(bar.tick, symbol, id_, value)


def closed(numbers: Sequence[float]) -> ClosedBar:
    """One row of `Folded.bars` by name, whole numbers as int."""
    return ClosedBar(*(cast(number) for cast, number in zip(_CASTS, numbers, strict=True)))  # type: ignore[arg-type] # one cast per field
