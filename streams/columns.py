"""A micro-batch of ticks as columns, and what the fold makes of them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]
I8 = NDArray[np.int8]

# What the fold did with a tick.
APPLIED: Final = 0
SKIPPED: Final = 1
"""Not newer than its symbol's row: folded before a restart, its output is known to exist."""
LATE: Final = 2
"""Older than the last applied tick of its symbol by more than the allowed lateness."""


@dataclass(frozen=True, slots=True)
class TickColumns:
    """n ticks, in log order. Absent numbers are NaN; a tick with a price is a trade, one with bid and ask a quote."""

    offset: I64
    """Offset in the source partition, ascending."""
    ts_ns: I64
    price: F64
    size: F64
    bid: F64
    ask: F64
    bid_size: F64
    ask_size: F64
    side: I8
    """+1 buy, -1 sell, 0 unknown."""

    def __len__(self) -> int:
        return len(self.offset)


@dataclass(frozen=True, slots=True)
class Folded:
    """What the fold gave for n ticks and a feature set of k outputs."""

    values: F64
    """[n, k]; NaN where the flag is warming, undefined or unavailable."""
    flags: U8
    """[n, k], the codes of streams.records."""
    price: F64
    """[n], price of the last trade of the symbol, NaN before the first."""
    verdict: U8
    """[n], APPLIED, SKIPPED or LATE; the rows of ticks that were not applied hold nothing of use."""
