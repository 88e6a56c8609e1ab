"""The last believed price of each reference symbol in one partition, and what the filters remember of its copies.

A copy is judged by the price range and the jump that the rules of its symbol allow; one that is not believed changes
no price. It is not rejected as a record: its original is judged in its own partition, this is one of as many copies as
there are partitions.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from streams.columns import F64, TickColumns
from streams.layout import JUMP
from streams.marks import Reference
from streams.quality.limits import PRICE_MAX, PRICE_MIN, TRADE_JUMP_BPS
from streams.quality.memory import jumps
from streams.quality.rules import QualityFilters
from streams.ticks import Decoded
from tables.indicator_state import Row, decode_row, encode_row

REFERENCES: Final = "\0references"
"""Key of the row that holds them; no symbol has such a name."""


class ReferencePrices:
    """Prices by column of `TickColumns.reference`."""

    def __init__(self, references: Sequence[str], filters: QualityFilters) -> None:
        self._aliases = {s: [i for i, other in enumerate(references) if other == s] for s in references}
        """Reference symbol -> its columns."""
        self._filters = filters
        self._prices: F64 = np.full(len(references), np.nan)
        self._memory: F64 = np.zeros((len(references), JUMP))
        """Of each, what the jump filter remembers; of a symbol with several columns in the first of them."""
        self._offset = -1
        self.changed = False
        """Since `row` was last called."""
        self.left_out = 0
        """Copies that were not believed."""

    def __len__(self) -> int:
        return len(self._prices)

    def restore(self, value: bytes, layout: int) -> None:
        """Take up a saved row.

        Raises:
            StateError: it is of another feature set.
        """
        n = len(self._prices)
        row = decode_row(value, symbol=REFERENCES, layout=layout, width=n * (1 + JUMP))
        self._prices, self._memory = row.state[:n].copy(), row.state[n:].reshape(n, JUMP).copy()
        self._offset = row.offset

    def row(self, layout: int) -> bytes:
        """The row to save."""
        self.changed = False
        return encode_row(Row(layout, self._offset, 0, np.concatenate((self._prices, self._memory.ravel()))))

    def meet(self, decoded: Decoded) -> TickColumns:
        """The columns of a batch with the reference prices that each tick met."""
        columns = decoded.columns
        if not self._aliases:
            return columns
        prices = np.tile(self._prices, (len(columns), 1))
        for copy in decoded.references:
            if copy.offset > self._offset:
                self._offset = copy.offset
                self.changed = True
                if not math.isnan(copy.price) and self._believes(copy):
                    for alias in self._aliases.get(copy.symbol, ()):
                        self._prices[alias] = prices[copy.place :, alias] = copy.price
        return replace(columns, reference=prices)

    def _believes(self, copy: Reference) -> bool:
        if copy.symbol not in self._aliases:
            return True
        limits = self._filters.limits[self._filters.index(copy.symbol)]
        far = limits[PRICE_MIN] > copy.price or copy.price > limits[PRICE_MAX]
        if not far and limits[TRADE_JUMP_BPS] >= 0.0:
            memory = self._memory[self._aliases[copy.symbol][0]]
            far = jumps(memory, 0, copy.ts_ns, copy.price, limits[TRADE_JUMP_BPS], limits)
        self.left_out += far
        return not far
