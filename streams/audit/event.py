"""One record of `ticks` as the recomputation takes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Final, Literal

from streams.columns import CLOCK, GAP, WARM, TickColumns
from streams.marks import Clock

Kind = Literal["tick", "clock", "warm", "gap"]
_KINDS: Final[dict[int, Kind]] = {CLOCK: "clock", WARM: "warm", GAP: "gap"}


@dataclass(frozen=True, slots=True)
class Event:
    """A tick, or a mark that concerns one symbol; absent numbers are NaN."""

    offset: int
    ts_ns: int
    kind: Kind = "tick"
    price: float = float("nan")
    size: float = 0.0
    bid: float = float("nan")
    ask: float = float("nan")
    bid_size: float = float("nan")
    ask_size: float = float("nan")
    side: int = 0
    """+1 buy, -1 sell, 0 unknown."""
    seq: int = -1
    """The venue's sequence number, -1 for none."""
    clock: float = 0.0

    @property
    def is_trade(self) -> bool:
        """Whether it has a price."""
        return not isnan(self.price)

    @property
    def is_quote(self) -> bool:
        """Whether it has both sides."""
        return not isnan(self.bid) and not isnan(self.ask)


def events_of(columns: TickColumns) -> Sequence[Event]:
    """The rows of decoded ticks."""
    names = ("offset", "ts_ns", "kind", "price", "size", "bid", "ask", "bid_size", "ask_size", "side", "seq", "clock")
    rows = zip(*(getattr(columns, name).tolist() for name in names), strict=True)
    return [Event(offset, ts_ns, _KINDS.get(kind, "tick"), *rest) for offset, ts_ns, kind, *rest in rows]


def event_of_clock(mark: Clock) -> Event:
    """A clock mark."""
    return Event(mark.offset, mark.ts_ns, "clock", clock=mark.clock)
