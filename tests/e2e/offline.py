"""The offline truth: what a log of ticks must give, by the engine in one go and nothing else of Hayate's runtime."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from aiokafka import ConsumerRecord

from agents.decision.ensemble import EnsembleSystem, rules_for
from agents.decision.feature_records import FeatureRecordDecoder
from agents.decision.signals import encode_signals
from streams.bars import BarEncoder
from streams.columns import APPLIED, WARM, Folded, TickColumns
from streams.engine import RealTimeFeatureEngine
from streams.feature_records import FeatureEncoder
from streams.feature_set import FeatureSet
from streams.quality.reasons import REASONS
from streams.quality.rules import NO_FILTERS, QualityFilters
from streams.state_block import StateBlock
from streams.ticks import Decoded, TickDecoder
from tables.indicator_state import Row, encode_row


class BarRecord(NamedTuple):
    """One record of `bars`."""

    partition: int
    source: int
    """Offset of the tick or clock mark that closed it."""
    symbol: str
    value: bytes


@dataclass
class Outcome:
    """What a log gives."""

    features: dict[str, bytes] = field(default_factory=dict)
    """Id -> record."""
    rejected: dict[str, str] = field(default_factory=dict)
    """Id -> reason."""
    bars: dict[str, BarRecord] = field(default_factory=dict)
    """Id -> record."""
    rows: dict[tuple[int, str], bytes] = field(default_factory=dict)
    """(partition, symbol) -> final row."""
    rows_at: dict[tuple[int, str, int], bytes] = field(default_factory=dict)
    """(partition, symbol, source offset) -> row, for those asked for."""


class Offline:
    """What a run over a log must give, by the same engine in one go: the bytes of every feature, bar, signal and
    row. For feature sets without reference symbols."""

    def __init__(self, feature_set: str = "default", partitions: int = 8, filters: QualityFilters = NO_FILTERS) -> None:
        self._set = FeatureSet.load(feature_set)
        self._engine = RealTimeFeatureEngine(self._set, filters=filters)
        self._encoder = FeatureEncoder(self._set.outputs, self._set.version)
        self._bars = BarEncoder(self._set.intervals, self._set.version)
        self._system = EnsembleSystem(self._set.outputs, members=rules_for(self._set.outputs))
        self._features = FeatureRecordDecoder(self._set.outputs, self._set.version)
        self._ticks = TickDecoder(partitions, filters=filters)

    def features(self, ticks: Sequence[ConsumerRecord]) -> dict[str, bytes]:
        """Id -> value of the feature record of every tick of a whole topic that is accepted."""
        return self.fold(ticks).features

    def fold(self, ticks: Sequence[ConsumerRecord], rows_at: Collection[tuple[int, str, int]] = ()) -> Outcome:
        """Everything that a whole topic gives; `rows_at`: (partition, symbol, source offset) of rows to keep."""
        outcome = Outcome()
        for partition in sorted({record.partition for record in ticks}):
            records = sorted((r for r in ticks if r.partition == partition), key=lambda r: r.offset)
            wanted: dict[int, list[str]] = {}
            for place, symbol, offset in rows_at:
                if place == partition:
                    wanted.setdefault(offset, []).append(symbol)
            block = self._engine.new_block()
            # The bits of a row do not depend on how its ticks are cut into batches.
            for batch, asked in _cut(records, wanted):
                self._fold(block, batch, outcome)
                for symbol, offset in asked.items():
                    row = block.find(symbol)
                    if row >= 0 and block.last_offset[row] == offset:
                        outcome.rows_at[partition, symbol, offset] = self._row(block, row)
            for known in block.symbols:
                outcome.rows[partition, str(known)] = self._row(block, block.find(known))
        return outcome

    def _fold(self, block: StateBlock, records: Sequence[ConsumerRecord], outcome: Outcome) -> None:
        decoded = self._ticks.decode(records)
        for record, reason, _ in decoded.rejected:
            outcome.rejected[_id_of(record)] = reason
        partition, start = records[0].partition, 0
        for mark in decoded.clocks:
            self._ticks_between(block, decoded, start, mark.place, outcome)
            start = mark.place
            due = sorted(str(block.symbols[i]) for i in block.due(mark.ts_ns, mark.clock))
            if due:
                columns = TickColumns.of_mark(mark.offset, mark.ts_ns, mark.clock, len(due), 0)
                folded = self._engine.fold(block, np.array([block.find(s) for s in due], np.int32), columns)
                self._closed(block, partition, columns, folded, outcome)
        self._ticks_between(block, decoded, start, len(decoded.symbols), outcome)

    def _ticks_between(self, block: StateBlock, decoded: Decoded, start: int, stop: int, outcome: Outcome) -> None:
        if start == stop:
            return
        symbols, records = decoded.symbols[start:stop], decoded.records[start:stop]
        columns = decoded.columns.take(slice(start, stop))
        rows = [block.find(s) if block.find(s) >= 0 else block.add(s) for s in symbols]
        folded = self._engine.fold(block, np.array(rows, np.int32), columns)
        self._closed(block, records[0].partition, columns, folded, outcome)
        ids = [_id_of(record) for record in records]
        times = columns.ts_ns.tolist()
        prices, values = folded.price.tolist(), folded.values.tolist()
        encoded = self._encoder.encode(ids, symbols, times, prices, values, folded.flags)
        outcome.features |= {ids[i]: encoded[i][0] for i in np.flatnonzero(folded.verdict == APPLIED).tolist()}
        verdicts = enumerate(folded.verdict.tolist())
        outcome.rejected |= {ids[i]: REASONS[verdict] for i, verdict in verdicts if verdict in REASONS}

    def _closed(self, block: StateBlock, partition: int, columns: TickColumns, folded: Folded, to: Outcome) -> None:
        if not len(folded.bars) or not self._set.publishes_bars:
            return
        for bar in self._bars.encode(folded.bars, block.symbols):
            if columns.kind[bar.tick] != WARM:
                assert bar.id not in to.bars, f"{bar.id} closes twice"
                to.bars[bar.id] = BarRecord(partition, int(columns.offset[bar.tick]), bar.symbol, bar.value)

    def _row(self, block: StateBlock, i: int) -> bytes:
        return encode_row(
            Row(self._set.layout_hash, int(block.last_offset[i]), int(block.last_ts_ns[i]), block.state[i])
        )

    def signals(self, features: dict[str, bytes]) -> dict[str, bytes]:
        """Id -> value of the signal of every feature record."""
        columns = self._features.decode(list(features.values()))
        decisions = self._system.decide(columns.values, columns.price)
        encoded = encode_signals(
            decisions, columns.ids, columns.symbols, columns.ts_ns, columns.schema, self._system.model
        )
        return dict(zip(columns.ids, encoded, strict=True))


def _cut(
    records: Sequence[ConsumerRecord], wanted: Mapping[int, Sequence[str]]
) -> Iterator[tuple[Sequence[ConsumerRecord], dict[str, int]]]:
    """Batches, and of each the symbols (with the offset) whose rows are asked for at its end: it is cut before the next
    record that may change one of these, which is one of the symbol's own, or one without key, such as a mark."""
    begin = 0
    asked: dict[str, int] = {}
    for i, record in enumerate(records):
        if asked and (record.key is None or record.key.decode() in asked):
            yield records[begin:i], asked
            begin, asked = i, {}
        asked |= dict.fromkeys(wanted.get(record.offset, ()), record.offset)
    if begin < len(records):
        yield records[begin:], asked


def _id_of(record: ConsumerRecord) -> str:
    return f"{record.topic}-{record.partition}-{record.offset}"
