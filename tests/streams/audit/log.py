"""A log as the brokers would give it: records of ticks, and what a worker would have written of them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
from aiokafka import ConsumerRecord

from streams.audit.finding import Finding
from streams.audit.partition_audit import PartitionAudit
from streams.audit.symbol import Recomputed
from streams.columns import APPLIED, Folded
from streams.definitions.exchange_hours import Market, RoundTheClock
from streams.engine import RealTimeFeatureEngine
from streams.feature_records import FeatureEncoder
from streams.feature_set import FeatureSet
from streams.feeds.wire import encode_tick
from streams.records import SOURCE, Tick
from streams.ticks import TickDecoder

TOPIC = "ticks"


def record(offset: int, key: bytes | None, value: bytes, headers: Sequence[tuple[str, bytes]] = ()) -> ConsumerRecord:
    return ConsumerRecord(TOPIC, 0, offset, offset, 1, key, value, None, len(key or b""), len(value), tuple(headers))


def tick_records(ticks: Iterable[Tick]) -> list[ConsumerRecord]:
    return [record(i, tick.symbol.encode(), encode_tick(tick)) for i, tick in enumerate(ticks)]


def fold(engine: RealTimeFeatureEngine, records: Sequence[ConsumerRecord]) -> Folded:
    """In one go, from fresh rows."""
    decoded = TickDecoder(1).decode(records)
    block = engine.new_block()
    rows = [block.find(s) if block.find(s) >= 0 else block.add(s) for s in decoded.symbols]
    return engine.fold(block, np.array(rows, np.int32), decoded.columns)


def feature_records(feature_set: FeatureSet, records: Sequence[ConsumerRecord], folded: Folded) -> list[ConsumerRecord]:
    decoded = TickDecoder(1).decode(records)
    ids = [f"{TOPIC}-0-{r.offset}" for r in decoded.records]
    encoded = FeatureEncoder(feature_set.outputs, feature_set.version).encode(
        ids, decoded.symbols, decoded.columns.ts_ns.tolist(), folded.price.tolist(), folded.values.tolist(),
        folded.flags,
    )  # fmt: skip
    return [
        output(source.offset, source.key, value)
        for source, (value, *_), verdict in zip(decoded.records, encoded, folded.verdict.tolist(), strict=True)
        if verdict == APPLIED
    ]


def output(source: int, key: bytes | None, value: bytes, *headers: tuple[str, bytes]) -> ConsumerRecord:
    return record(source, key, value, [(SOURCE, str(source).encode()), *headers])


def changed(record_: ConsumerRecord, change: Callable[[dict[str, Any]], object]) -> ConsumerRecord:
    """The same with its content changed."""
    content = msgspec.json.decode(record_.value)
    change(content)
    return output(record_.offset, record_.key, msgspec.json.encode(content))


def auditing(
    feature_set: FeatureSet, symbols: Iterable[str], market: Market | None = None, *, every: int = 1
) -> PartitionAudit:
    """An audit of these symbols from the log's start on."""
    hours = market or RoundTheClock()
    audit = PartitionAudit(TOPIC, 0, TickDecoder(1), lambda _symbol: Recomputed(feature_set, hours), every=every)
    for symbol in symbols:
        audit.add(symbol)
    return audit


def run(
    audit: PartitionAudit,
    ticks: Sequence[ConsumerRecord],
    features: Sequence[ConsumerRecord],
    rejected: Sequence[ConsumerRecord] = (),
    *,
    at_once: int = 5_000,
) -> list[Finding]:
    """Everything put in, in pieces; what was found."""
    found: list[Finding] = []
    remaining = list(features)
    for start in range(0, len(ticks), at_once):
        piece = ticks[start : start + at_once]
        audit.put_ticks(piece)
        upto = piece[-1].offset
        now = [r for r in remaining if r.offset <= upto]
        remaining = remaining[len(now) :]
        audit.put_features(now)
        audit.put_rejected([r for r in rejected if piece[0].offset <= r.offset <= upto])
        audit.advance(final=True)
        found += audit.findings()
    audit.put_features(remaining)
    audit.advance(final=True)
    return found + audit.findings(final=True)
