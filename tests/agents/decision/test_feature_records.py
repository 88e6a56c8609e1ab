"""Feature records into columns: values exact, and one bad record harms nobody."""

import json
import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.decision.ensemble import EnsembleSystem
from agents.decision.feature_records import BAD_JSON, BAD_RECORD, SCHEMA_MISMATCH, FeatureRecordDecoder
from agents.decision.signals import encode_signals
from streams.records import Signal
from tests.agents.decision.reference import OUTPUTS, Row, matrix_of, rows

SCHEMA = "0123456789ab"


def record_of(row: Row, place: int = 0, **changes: Any) -> dict[str, Any]:
    """The row as a feature record, as the features agent publishes it."""
    record = {
        "id": f"ticks-3-{place}",
        "symbol": f"SIM{place:03}",
        "ts_ns": 1_790_000_000_000_000_000 + place,
        "schema": SCHEMA,
        "status": "ready",
        "price": None if math.isnan(row["price"]) else row["price"],
        "values": {name: None if math.isnan(row[name]) else row[name] for name in OUTPUTS},
        "flags": {name: "warming" for name in OUTPUTS if math.isnan(row[name])},
    }
    return record | changes


def raw_of(row: Row, place: int = 0, **changes: Any) -> bytes:
    """Its bytes."""
    return json.dumps(record_of(row, place, **changes)).encode()


PLAIN: Row = dict.fromkeys([*OUTPUTS, "price"], 100.0)


@given(batch=st.lists(rows(nulls=True), max_size=12), indent=st.sampled_from([None, 2]), data=st.data())
def test_reads_exactly_what_was_written(batch: list[Row], indent: int | None, data: st.DataObject) -> None:
    raws = []
    for place, row in enumerate(batch):
        record = record_of(row, place)
        record["values"] = dict(data.draw(st.permutations(list(record["values"].items()))))
        raws.append(json.dumps(record, indent=indent).encode())
    got = FeatureRecordDecoder(OUTPUTS, SCHEMA).decode(raws)
    values, price = matrix_of(batch)
    assert len(got) == len(batch)
    np.testing.assert_array_equal(got.values, values, strict=True)
    np.testing.assert_array_equal(got.price, price, strict=True)
    assert got.ids == [f"ticks-3-{place}" for place in range(len(batch))]
    assert got.symbols == [f"SIM{place:03}" for place in range(len(batch))]
    assert got.ts_ns == [1_790_000_000_000_000_000 + place for place in range(len(batch))]
    assert list(got.places) == list(range(len(batch)))
    assert (got.rejected, got.schema) == ([], SCHEMA)


def without(key: str) -> bytes:
    """A record that lacks a field."""
    record = record_of(PLAIN)
    del record[key]
    return json.dumps(record).encode()


BAD: list[tuple[bytes | None, str, str]] = [
    (None, BAD_JSON, "has no value"),
    (b"", BAD_JSON, "truncated"),
    (b"\xff", BAD_JSON, "malformed"),
    (b'{"id":"\xff"}', BAD_JSON, "utf-8"),
    (b'{"id":"a', BAD_JSON, "truncated"),
    (raw_of(PLAIN) + b"x", BAD_JSON, "trailing"),
    (raw_of(PLAIN, price=math.nan), BAD_JSON, "invalid character"),
    (b'{"more":' + b"[" * 100_000, BAD_JSON, "recursion"),
    (b"[]", BAD_RECORD, "Expected `object`"),
    (b"null", BAD_RECORD, "Expected `object`"),
    (without("schema"), BAD_RECORD, "`schema`"),
    (raw_of(PLAIN, schema=7), BAD_RECORD, "`\\$.schema`"),
    (without("id"), BAD_RECORD, "`id`"),
    (without("symbol"), BAD_RECORD, "`symbol`"),
    (without("ts_ns"), BAD_RECORD, "`ts_ns`"),
    (without("price"), BAD_RECORD, "`price`"),
    (without("values"), BAD_RECORD, "`values`"),
    (raw_of(PLAIN, values={}), BAD_RECORD, "sma_5"),
    (raw_of(PLAIN, values=dict.fromkeys(OUTPUTS, "1")), BAD_RECORD, "sma_5"),
    (raw_of(PLAIN, values=[1.0] * len(OUTPUTS)), BAD_RECORD, "values"),
    (raw_of(PLAIN, price=0), BAD_RECORD, "price"),
    (raw_of(PLAIN, price="1"), BAD_RECORD, "price"),
    (raw_of(PLAIN).replace(b"100.0", b"1e999"), BAD_RECORD, "out of range"),
    (raw_of(PLAIN, ts_ns=2**63), BAD_RECORD, "ts_ns"),
    (raw_of(PLAIN, ts_ns=-(2**63) - 1), BAD_RECORD, "ts_ns"),
    (raw_of(PLAIN, ts_ns=1.5), BAD_RECORD, "ts_ns"),
    (raw_of(PLAIN, schema="other"), SCHEMA_MISMATCH, "'other' is not '0123456789ab'.*same feature set"),
    (raw_of(PLAIN, schema="other", values={"vwap": 1.0}), SCHEMA_MISMATCH, "'other' is not"),
]


@pytest.mark.parametrize(("raw", "reason", "detail"), BAD, ids=range(len(BAD)))
def test_names_what_is_wrong_with_a_record(raw: bytes | None, reason: str, detail: str) -> None:
    got = FeatureRecordDecoder(OUTPUTS, SCHEMA).decode([raw_of(PLAIN, 1), raw, raw_of(PLAIN, 2)])
    ((place, rejection),) = got.rejected
    assert place == 1
    assert rejection.reason == reason
    assert pytest.raises(type(rejection), match=detail).matches(rejection), rejection.detail
    assert got.ids == ["ticks-3-1", "ticks-3-2"]
    assert got.values.tolist() == [[100.0] * len(OUTPUTS)] * 2
    assert got.places == [0, 2]


@given(raws=st.lists(st.binary(max_size=40) | st.sampled_from([raw_of(PLAIN), b"{}", None]), max_size=20))
def test_every_record_is_either_read_or_rejected(raws: list[bytes | None]) -> None:
    got = FeatureRecordDecoder(OUTPUTS, SCHEMA).decode(raws)
    assert sorted([*got.places, *(place for place, _ in got.rejected)]) == list(range(len(raws)))
    assert list(got.places) == [place for place, raw in enumerate(raws) if raw == raw_of(PLAIN)]
    assert got.values.shape == (len(got), len(OUTPUTS))


def test_names_that_are_no_identifiers_and_integers_for_floats() -> None:
    record = {"id": "a", "symbol": "b", "ts_ns": 1, "schema": "s", "price": 5, "values": {"sma_20@1m": 3, "id": None}}
    got = FeatureRecordDecoder(["id", "sma_20@1m"], "s").decode([json.dumps(record).encode()])
    np.testing.assert_array_equal(got.values, [[math.nan, 3.0]])
    assert got.price.tolist() == [5.0]


@given(batch=st.lists(rows(nulls=True), max_size=8))
def test_from_feature_records_to_signals(batch: list[Row]) -> None:
    system = EnsembleSystem(OUTPUTS)
    got = FeatureRecordDecoder(OUTPUTS, SCHEMA).decode([raw_of(row, place) for place, row in enumerate(batch)])
    decisions = system.decide(got.values, got.price)
    signals = encode_signals(decisions, got.ids, got.symbols, got.ts_ns, got.schema, system.model)
    for place, raw in enumerate(signals):
        signal = msgspec.json.decode(raw, type=Signal)
        assert (signal.id, signal.ts_ns) == (f"ticks-3-{place}", 1_790_000_000_000_000_000 + place)
        assert signal.probability_up == decisions.probability_up[place]
