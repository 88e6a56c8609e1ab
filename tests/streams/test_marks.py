"""Records of `ticks` that are no ticks: clock marks, gap marks, copies of reference symbols, ticks of the warm-up."""

import json
import math
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from streams.columns import GAP, TICK, WARM
from streams.marks import Clock, Reference, clock_id
from streams.ticks import Decoded, TickDecoder

PARTITIONS = 4
TS_NS = 1_790_000_000_000_000_000
TICK_OF_ES: dict[str, Any] = {"symbol": "ES", "ts_ns": TS_NS, "price": 100.5, "seq": 7}
PLACE = int(DefaultPartitioner()(b"ES", list(range(PARTITIONS)), []))


def record_of(
    value: Any, kind: bytes | None = None, *, key: bytes | None = b"ES", partition: int = PLACE, offset: int = 0
) -> ConsumerRecord:
    raw = json.dumps(value).encode() if isinstance(value, dict) else value
    headers = () if kind is None else (("sent_ns", b"1"), ("kind", kind))
    return ConsumerRecord("ticks", partition, offset, 0, 1, key, raw, None, 0, 0, headers)


def decode(*records: ConsumerRecord) -> Decoded:
    return TickDecoder(PARTITIONS).decode(records)


def reason(record: ConsumerRecord) -> str:
    (rejected,) = decode(record).rejected
    assert rejected.record is record
    return rejected.reason


def test_marks_keep_their_place_among_the_ticks() -> None:
    """A clock mark needs no key, a copy is on every partition."""
    other = (PLACE + 1) % PARTITIONS
    mark = {"clock": "sim", "ts_ns": TS_NS + 1}
    got = decode(
        record_of(mark, b"clock", key=None, offset=10),
        record_of(TICK_OF_ES, offset=11),
        record_of(mark, b"clock", key=None, partition=other, offset=12),
        record_of({"symbol": "N225", "ts_ns": TS_NS, "price": 40_000}, b"reference", key=b"N225", offset=13),
        record_of(TICK_OF_ES, offset=14),
        record_of({"symbol": "N225", "ts_ns": TS_NS, "bid": 1, "ask": 2}, b"reference", key=b"N225", offset=15),
    )
    assert got.clocks == [Clock(0, 10, clock_id("sim"), TS_NS + 1), Clock(1, 12, clock_id("sim"), TS_NS + 1)]
    assert got.references[0] == Reference(1, 13, "N225", 40_000.0, TS_NS)
    assert got.references[1][:3] == (2, 15, "N225")
    assert math.isnan(got.references[1].price)
    assert (got.marks, got.rejected, got.columns.offset.tolist()) == (4, [], [11, 14])


def test_kinds_of_rows() -> None:
    gap = {"symbol": "ES", "ts_ns": TS_NS, "reason": "halt"}
    got = decode(record_of(TICK_OF_ES), record_of(TICK_OF_ES, b"warm", offset=1), record_of(gap, b"gap", offset=2))
    assert got.columns.kind.tolist() == [TICK, WARM, GAP]
    assert got.columns.seq.tolist() == [7, 7, -1]
    assert got.columns.clock.tolist() == [clock_id("main"), clock_id("main"), 0.0]
    assert got.symbols == ["ES"] * 3
    assert len(got.records) == 3


@pytest.mark.parametrize("kind", [b"clock", b"reference", b"gap", b"warm"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "bad-json"), (b"no JSON", "bad-json"), (b" " * 70_000, "too-large"), ({}, "invalid")],
)
def test_a_mark_that_cannot_be_read_is_rejected(kind: bytes, value: Any, expected: str) -> None:
    assert reason(record_of(value, kind)) == expected


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ({"clock": "main", "ts_ns": 0}, b"clock", "bad-time"),
        ({"clock": "main"}, b"clock", "invalid"),
        ({"clock": 5, "ts_ns": TS_NS}, b"clock", "invalid"),
        ({"symbol": "ES", "ts_ns": -1}, b"gap", "bad-time"),
        ({"symbol": "NQ", "ts_ns": TS_NS}, b"gap", "key-mismatch"),
        ({"symbol": "NQ", "ts_ns": TS_NS, "price": 1}, b"warm", "key-mismatch"),
        (TICK_OF_ES | {"price": -1}, b"reference", "bad-price"),
    ],
)
def test_marks_are_checked_as_ticks_are(value: Any, kind: bytes, expected: str) -> None:
    assert reason(record_of(value, kind)) == expected


def test_a_warm_tick_or_gap_on_the_wrong_partition_is_rejected() -> None:
    for kind in (b"warm", b"gap"):
        assert reason(record_of(TICK_OF_ES, kind, partition=(PLACE + 1) % PARTITIONS)) == "wrong-partition"


@pytest.mark.parametrize(
    ("seq", "expected"),
    [(0, 0), (5, 5), ("12", 12), (2**63 - 1, 2**63 - 1), (2**63, -1), (-3, -1), ("9" * 30, -1), ("a1", -1), ("", -1)],
)
def test_a_sequence_number_that_counts(seq: int | str, expected: int) -> None:
    assert decode(record_of(TICK_OF_ES | {"seq": seq})).columns.seq.tolist() == [expected]


@given(st.text(max_size=40))
def test_a_clock_has_a_number_that_a_row_can_hold(name: str) -> None:
    number = clock_id(name)
    assert number == int(number)
    assert 0 < number < 2**48
