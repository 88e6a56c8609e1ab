"""The training set by its plain definition: a list of records in, rows out, nothing streamed and nothing vectorised."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from streams.export.labels import LabelSpec
from streams.export.selection import NS_PER_MS, Selection


@dataclass(frozen=True)
class KafkaRecord:
    """What the export reads of a Kafka record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class Tick(NamedTuple):
    """One accepted tick of a history, and when its feature record was known (ms)."""

    symbol: str
    ts_ns: int
    price: float | None
    mid: float | None
    known_ms: int


def feature_record(source: int, tick: Tick, *, schema: str = "a" * 12, partition: int = 0) -> dict[str, Any]:
    """The feature record of a tick, with values made of its place."""
    return {
        "id": f"ticks-{partition}-{source}",
        "symbol": tick.symbol,
        "ts_ns": tick.ts_ns,
        "schema": schema,
        "status": "warming" if source % 3 == 0 else "ready",
        "price": tick.price,
        "values": {"one": source / 3, "two@1m": None if source % 3 == 0 else -source / 7},
        "flags": {"two@1m": "warming"} if source % 3 == 0 else {},
    }


def kafka_record(offset: int, known_ms: int, record: dict[str, Any], partition: int = 0) -> KafkaRecord:
    """That record as it lies in `features`."""
    value = msgspec.json.encode(record)
    return KafkaRecord("features", partition, offset, known_ms, record["symbol"].encode(), value)


def training_rows(
    records: list[tuple[KafkaRecord, dict[str, Any]]],
    mids: dict[str, float],
    chosen: Selection,
    labels: LabelSpec | None = None,
) -> list[dict[str, Any]]:
    """The rows that the definition asks for; `mids` by the id of the record."""
    first: dict[str, tuple[KafkaRecord, dict[str, Any]]] = {}
    for record, content in records:
        known = record.timestamp * NS_PER_MS
        if chosen.known_at_ns is not None and known > chosen.known_at_ns:
            continue
        if chosen.symbols is not None and content["symbol"] not in chosen.symbols:
            continue
        before = first.get(content["id"])
        if before is None or record.timestamp < before[0].timestamp:
            first[content["id"]] = (record, content)
    every = sorted(first.values(), key=lambda one: (one[1]["symbol"], one[0].partition, source_of(one[1])))
    rows = []
    for record, content in every:
        if not chosen.start_ns <= content["ts_ns"] < chosen.end_ns:
            continue
        row = {
            "id": content["id"],
            "symbol": content["symbol"],
            "ts_ns": content["ts_ns"],
            "known_ns": record.timestamp * NS_PER_MS,
            "schema": content["schema"],
            "status": content["status"],
            "price": content["price"],
            **content["values"],
            "flags": msgspec.json.encode(content["flags"]).decode(),
        }
        if labels is not None:
            own = [c for _, c in every if c["symbol"] == content["symbol"] and c["ts_ns"] >= chosen.start_ns]
            row |= label(labels, own, mids, source_of(content))
        rows.append(row)
    return rows


def source_of(content: dict[str, Any]) -> int:
    """Source offset of a record."""
    return int(content["id"].rsplit("-", 1)[1])


def label(spec: LabelSpec, own: list[dict[str, Any]], mids: dict[str, float], source: int) -> dict[str, Any]:
    """`label` and `label_return_bps` of the row at `source` among the records of its symbol, in order."""
    place = next(i for i, c in enumerate(own) if source_of(c) == source)
    nothing: dict[str, Any] = {"label": None, "label_return_bps": None}

    def time(i: int) -> int:
        return max(int(c["ts_ns"]) for c in own[: i + 1])

    def price(i: int, kind: str) -> float:
        for c in reversed(own[: i + 1]):
            found = mids.get(c["id"]) if kind == "mid" else c["price"]
            if found is not None:
                return float(found)
        return math.nan

    end = time(place) + spec.horizon_ns
    if all(time(i) <= end for i in range(len(own))):
        return nothing
    kind = "mid" if spec.price == "mid" and not math.isnan(price(place, "mid")) else "last"
    base = price(place, kind)
    if math.isnan(base):
        return nothing
    inside = [i for i in range(place + 1, len(own)) if time(i) <= end]
    moves = [(price(i, kind) / base - 1.0) * 10_000.0 for i in inside]
    if spec.barriers:
        for move in moves:
            if move >= spec.take_bps or move <= -spec.stop_bps:
                return {"label": 1 if move > 0 else -1, "label_return_bps": move}
        return {"label": 0, "label_return_bps": moves[-1] if moves else 0.0}
    move = moves[-1] if moves else 0.0
    sign = 1 if move > spec.dead_band_bps else -1 if move < -spec.dead_band_bps else 0
    return {"label": sign, "label_return_bps": move}
