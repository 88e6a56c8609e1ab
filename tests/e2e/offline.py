"""The offline truth: what a log of ticks must give, by the engine in one go and nothing else of Hayate's runtime."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from aiokafka import ConsumerRecord

from agents.decision.ensemble import EnsembleSystem
from agents.decision.feature_records import FeatureRecordDecoder
from agents.decision.signals import encode_signals
from streams.columns import APPLIED, LATE
from streams.engine import RealTimeFeatureEngine
from streams.feature_records import FeatureEncoder
from streams.feature_set import FeatureSet
from streams.state_block import StateBlock
from streams.ticks import TickDecoder
from tables.indicator_state import Row, encode_row


@dataclass
class Outcome:
    """What a log gives."""

    features: dict[str, bytes] = field(default_factory=dict)
    """Id -> record."""
    rejected: dict[str, str] = field(default_factory=dict)
    """Id -> reason."""
    rows: dict[tuple[int, str], bytes] = field(default_factory=dict)
    """(partition, symbol) -> final row."""
    rows_at: dict[tuple[int, str, int], bytes] = field(default_factory=dict)
    """(partition, symbol, source offset) -> row, for those asked for."""


class Offline:
    """What a run over a log must give, by the same engine in one go: the bytes of every feature, signal and row."""

    def __init__(self, feature_set: str = "default", partitions: int = 8) -> None:
        self._set = FeatureSet.load(feature_set)
        self._engine = RealTimeFeatureEngine(self._set)
        self._encoder = FeatureEncoder(self._set.outputs, self._set.version)
        self._system = EnsembleSystem(self._set.outputs)
        self._features = FeatureRecordDecoder(self._set.outputs, self._set.version)
        self._ticks = TickDecoder(partitions)

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
            begin = 0
            # The bits of a row do not depend on how its ticks are cut into batches: cut where a row is asked for.
            for end in [i + 1 for i, record in enumerate(records) if record.offset in wanted] + [len(records)]:
                if begin < end:
                    self._fold(block, records[begin:end], outcome)
                begin = end
                offset = records[end - 1].offset
                for symbol in wanted.get(offset, ()):
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
        if not decoded.symbols:
            return
        rows = [block.find(s) if block.find(s) >= 0 else block.add(s) for s in decoded.symbols]
        folded = self._engine.fold(block, np.array(rows, np.int32), decoded.columns)
        ids = [_id_of(record) for record in decoded.records]
        times = decoded.columns.ts_ns.tolist()
        prices, values = folded.price.tolist(), folded.values.tolist()
        encoded = self._encoder.encode(ids, decoded.symbols, times, prices, values, folded.flags)
        outcome.features |= {ids[i]: encoded[i][0] for i in np.flatnonzero(folded.verdict == APPLIED).tolist()}
        outcome.rejected |= dict.fromkeys((ids[i] for i in np.flatnonzero(folded.verdict == LATE).tolist()), "late")

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


def _id_of(record: ConsumerRecord) -> str:
    return f"{record.topic}-{record.partition}-{record.offset}"
