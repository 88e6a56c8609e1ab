"""A micro-batch of ticks as columns, and what the fold makes of them."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]
I8 = NDArray[np.int8]

# What a row of the columns is.
TICK: Final = 0
CLOCK: Final = 1
"""A clock mark, for one symbol of that clock: closes its time bars that have ended at `ts_ns` less the grace."""
WARM: Final = 2
"""A tick of the history that fills the state: folded, and yields no record."""
GAP: Final = 3
"""A mark that says: data of this symbol are missing here."""

# What the fold did with it.
APPLIED: Final = 0
"""Folded; its record is to be written."""
SKIPPED: Final = 1
"""Not newer than its symbol's row: folded before a restart, its output is known to exist."""
LATE: Final = 2
"""Older than the last applied tick of its symbol by more than the allowed lateness."""
UNTOUCHED: Final = 3
"""A clock mark that had nothing to close: the row is as before, its last offset too."""
MARKED: Final = 4
"""Folded, and yields no record: a mark that changed its row, or a tick of the warm-up."""
# What the filters of streams/quality/rules.py rejected, and why.
FUTURE: Final = 5
DUPLICATE: Final = 6
CLOSED: Final = 7
CONDITION: Final = 8
PRICE_RANGE: Final = 9
SIZE_RANGE: Final = 10
ZERO_SIDED: Final = 11
CROSSED: Final = 12
LOCKED: Final = 13
SPREAD: Final = 14
JUMPED: Final = 15


@dataclass(frozen=True, slots=True)
class TickColumns:
    """n ticks, in log order. Absent numbers are NaN; a tick with a price is a trade, one with bid and ask a quote.

    Every array is C-contiguous. Marks have no numbers but those that their kind names.
    """

    offset: I64
    """Offset in the source partition, ascending."""
    ts_ns: I64
    price: F64
    size: F64
    """Quantity traded, 0 where the market does not say."""
    bid: F64
    ask: F64
    bid_size: F64
    ask_size: F64
    side: I8
    """+1 buy, -1 sell, 0 unknown."""
    seq: I64
    """The venue's sequence number, -1 for none."""
    clock: F64
    """Which clock the tick belongs to: a whole number below 2^48 made of its name, 0 where nobody asks."""
    kind: I8
    """TICK, CLOCK, WARM or GAP."""
    reference: F64
    """[n, references]: last price of each reference symbol of the feature set when the tick came, NaN before its
    first."""
    arrival_ns: I64
    """When Kafka appended it to its log, -1 where that is not known."""
    barred: I8
    """1 where the conditions of the tick are such as its symbol's filters refuse, else 0."""

    def __len__(self) -> int:
        return len(self.offset)

    def take(self, rows: "slice | I64") -> "TickColumns":
        """Some of them: a slice, or indices."""
        return TickColumns(*(getattr(self, name)[rows] for name in TickColumns.__slots__))

    @classmethod
    def of_mark(cls, offset: int, ts_ns: int, clock: float, n: int, references: int) -> "TickColumns":
        """One clock mark, for n symbols."""
        absent = np.full(n, np.nan)
        return cls(
            offset=np.full(n, offset, np.int64),
            ts_ns=np.full(n, ts_ns, np.int64),
            price=absent,
            size=np.zeros(n),
            bid=absent,
            ask=absent,
            bid_size=absent,
            ask_size=absent,
            side=np.zeros(n, np.int8),
            seq=np.full(n, -1, np.int64),
            clock=np.full(n, clock),
            kind=np.full(n, CLOCK, np.int8),
            reference=np.full((n, references), np.nan),
            arrival_ns=np.full(n, -1, np.int64),
            barred=np.zeros(n, np.int8),
        )


NO_BARS: Final[F64] = np.empty((0, 0))


@dataclass(frozen=True, slots=True)
class Folded:
    """What the fold gave for n ticks and a feature set of k outputs."""

    values: F64
    """[n, k]; NaN where the flag is warming, undefined or unavailable."""
    flags: U8
    """[n, k], the codes of streams.records."""
    price: F64
    """[n], price of the last trade of the symbol, NaN before the first; of a tick that was rejected as JUMPED the
    reference that it was compared with."""
    verdict: U8
    """[n], APPLIED, SKIPPED, LATE, UNTOUCHED, MARKED, or what a filter found. Of a tick that was not folded, and of a
    mark, the three above hold nothing else of use."""
    bars: F64 = field(default_factory=lambda: NO_BARS)
    """[b, fields]: the bars that closed, in that order; a row's fields are those of streams.bars.ClosedBar."""
