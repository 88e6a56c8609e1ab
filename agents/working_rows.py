"""The rows that one lane works on: loaded when their symbols come, folded, snapshot, and let go when they are quiet."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import numpy as np
from aiokafka import ConsumerRecord

from agents.idle_symbols import IdleSymbols
from agents.metrics import Metrics
from agents.reference_prices import REFERENCES, ReferencePrices
from streams import layout
from streams.columns import F64, SKIPPED, UNTOUCHED, Folded, TickColumns
from streams.engine import RealTimeFeatureEngine
from streams.errors import StateError
from streams.marks import Clock
from streams.ticks import Decoded
from tables.indicator_state import PartitionRows, Row, RowWrite, decode_row, encode_row

GAPS: Final = {"silence": layout.SILENCES, "sequence": layout.JUMPS, "mark": layout.GAP_MARKS}
COUNTERS: Final = [*GAPS.values(), layout.LATE_INTO_BAR, layout.LEFT_OUT]
"""Slots that count what has happened to a symbol."""


class Part(NamedTuple):
    """Some consecutive ticks of a micro-batch, or a clock mark for the symbols whose bars it closes, folded."""

    columns: TickColumns
    symbols: Sequence[str]
    records: Sequence[ConsumerRecord]
    """Of each tick; empty for a clock mark."""
    folded: Folded


class WorkingRows:
    """The state of one partition in memory."""

    def __init__(
        self,
        engine: RealTimeFeatureEngine,
        metrics: Metrics,
        *,
        evict_after_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`evict_after_s`: seconds without a tick after which a symbol leaves memory, by `clock`; 0: it never does."""
        self._engine = engine
        self._metrics = metrics
        self._block = engine.new_block()
        self._references = ReferencePrices(engine.feature_set.references, engine.filters)
        self._dirty: set[str] = set()
        self._idle = IdleSymbols(evict_after_s, clock)
        self._asleep: dict[str, tuple[float, int]] = {}
        """Symbols that are not in memory and have an open time bar: clock, and when a mark of it closes one."""
        self._saved: PartitionRows | None = None
        self._counted = np.zeros(len(COUNTERS))

    def open(self, saved: PartitionRows) -> None:
        """Take up the partition's saved rows. Each is loaded when its symbol is first seen, or when a clock mark closes
        one of its bars."""
        self._saved = saved
        if self._references and (value := saved.get(REFERENCES)) is not None:
            with suppress(StateError):  # of another feature set, before a migration: the next copies say it anew
                self._references.restore(value, self._engine.feature_set.layout_hash)
        if self._engine.feature_set.has_time_bars:
            for symbol, value in saved.items():
                if symbol != REFERENCES:
                    self._sleep(symbol, self._decoded(symbol, value, self._engine.feature_set.width).state)

    @property
    def symbols(self) -> Sequence[str | bytes]:
        """Symbol of each row, as the bars of a `Part` count them until the next call of `fold` or `let_go`."""
        return self._block.symbols

    def fold(self, decoded: Decoded) -> Iterator[Part]:
        """Fold a micro-batch: its ticks, cut where a clock mark has bars to close."""
        self._idle.touch(decoded.symbols)
        columns = self._references.meet(decoded)
        start = 0
        for mark in decoded.clocks if self._engine.feature_set.has_time_bars else ():
            if mark.place > start:
                yield self._part(decoded, columns, start, mark.place)
                start = mark.place
            if symbols := self._due(mark):
                yield self._closed(mark, symbols)
        if start < len(columns):
            yield self._part(decoded, columns, start, len(columns))

    def rows(self) -> RowWrite | None:
        """Copies of the rows that changed since the last call; None where there are none."""
        if self._saved is None or not (self._dirty or self._references.changed):
            return None
        self._count()
        block, of = self._block, self._engine.feature_set.layout_hash
        rows = {
            symbol: encode_row(Row(of, int(block.last_offset[i]), int(block.last_ts_ns[i]), block.state[i]))
            for symbol, i in sorted((symbol, block.find(symbol)) for symbol in self._dirty)
        }
        if self._references.changed:
            # The last one of the batch: where it is in the changelog, the rows that were made with its prices are too.
            rows[REFERENCES] = self._references.row(of)
        self._dirty.clear()
        return self._saved.write(rows)

    def let_go(self) -> None:
        """Let symbols go that had no tick for long: their rows are in the table, and come back from there."""
        gone = self._idle.take(self._dirty)
        if gone:
            self._count()
            indices = [self._block.find(symbol) for symbol in gone]
            for symbol, index in zip(gone, indices, strict=True):
                self._counted -= self._block.state[index, COUNTERS]
                self._sleep(symbol, self._block.state[index])
            self._block.remove(indices)
            self._metrics.symbols_evicted.inc(len(gone))
            self._metrics.symbols.dec(len(gone))

    async def close(self) -> None:
        """Forget everything, write nothing more."""
        self._count()
        self._metrics.symbols.dec(len(self._block))
        self._block = self._engine.new_block()
        self._counted = np.zeros(len(COUNTERS))
        self._idle.clear()
        if self._saved is not None:
            await self._saved.close()

    def _part(self, decoded: Decoded, columns: TickColumns, start: int, stop: int) -> Part:
        """Fold the ticks from `start` to `stop`."""
        symbols, records = decoded.symbols, decoded.records
        if stop - start < len(columns):
            columns, symbols, records = columns.take(slice(start, stop)), symbols[start:stop], records[start:stop]
        return self._folded(columns, symbols, records)

    def _closed(self, mark: Clock, symbols: Sequence[str]) -> Part:
        """Close the bars of `symbols` that a clock mark ends."""
        self._idle.touch(symbols)
        columns = TickColumns.of_mark(mark.offset, mark.ts_ns, mark.clock, len(symbols), len(self._references))
        return self._folded(columns, symbols, ())

    def _folded(self, columns: TickColumns, symbols: Sequence[str], records: Sequence[ConsumerRecord]) -> Part:
        rows = np.array([self._row(symbol) for symbol in symbols], np.int32)
        folded = self._engine.fold(self._block, rows, columns)
        if folded.verdict.any():
            changed = np.flatnonzero((folded.verdict != SKIPPED) & (folded.verdict != UNTOUCHED))
            self._dirty.update(symbols[i] for i in changed.tolist())
        else:
            self._dirty.update(symbols)
        return Part(columns, symbols, records, folded)

    def _due(self, mark: Clock) -> list[str]:
        """Symbols with a time bar that a mark closes, in memory or not, by name: the same order in every replay."""
        due = [str(self._block.symbols[i]) for i in self._block.due(mark.ts_ns, mark.clock)]
        due += [s for s, (clock, ts_ns) in self._asleep.items() if clock == mark.clock and ts_ns <= mark.ts_ns]
        return sorted(due)

    def _row(self, symbol: str) -> int:
        """The row of a symbol, loaded or made where it is not in memory."""
        index = self._block.find(symbol)
        if index >= 0:
            return index
        assert self._saved is not None, "open comes first"
        value = self._saved.get(symbol)
        self._metrics.symbols.inc()
        self._asleep.pop(symbol, None)
        if value is None:
            return self._block.add(symbol)
        row = self._decoded(symbol, value, self._engine.feature_set.width)
        self._counted += row.state[COUNTERS]
        return self._block.add(symbol, offset=row.offset, ts_ns=row.ts_ns, state=row.state)

    def _decoded(self, symbol: str, value: bytes, width: int) -> Row:
        return decode_row(value, symbol=symbol, layout=self._engine.feature_set.layout_hash, width=width)

    def _sleep(self, symbol: str, state: F64) -> None:
        if (opened := self._block.opened(state)) is not None:
            self._asleep[symbol] = opened

    def _count(self) -> None:
        """Bring the metrics up to what the rows have counted."""
        sums = self._block.state[: len(self._block), COUNTERS].sum(axis=0)
        *gaps, late, left_out = (sums - self._counted).tolist()
        for kind, count in zip(GAPS, gaps, strict=True):
            self._metrics.gaps.labels(kind).inc(count)
        self._metrics.late_into_bar.inc(late)
        self._metrics.quotes_left_out.inc(left_out)
        self._metrics.references_left_out.inc(self._references.left_out)
        self._references.left_out = 0
        self._counted = sums
