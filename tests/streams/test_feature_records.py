"""Feature records as bytes: exactly the documented object, and bit for bit what their reader gets back."""

import json
import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.decision.feature_records import FeatureRecordDecoder
from streams.feature_records import FeatureEncoder
from streams.records import FLAG_NAMES, GAPPED, READY, STALE, UNAVAILABLE, UNDEFINED, WARMING

OUTPUTS = ("sma_5", "sma_20@1m", "macd_8_21_5", "naïve bars/s")
SCHEMA = "0123456789ab"
NULLS = (WARMING, UNDEFINED, UNAVAILABLE)
RANK = {READY: 0, STALE: 1, GAPPED: 2, WARMING: 3, UNDEFINED: 0, UNAVAILABLE: 0}

finite = st.floats(allow_nan=False, allow_infinity=False)
cell = st.tuples(st.just(math.nan), st.sampled_from(NULLS)) | st.tuples(finite, st.sampled_from([READY, STALE, GAPPED]))
row = st.tuples(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.integers(-(2**63), 2**63 - 1),
    st.just(math.nan) | st.floats(min_value=5e-324, allow_infinity=False),
    st.tuples(*[cell] * len(OUTPUTS)),
)


def encode(rows: list[Any], outputs: tuple[str, ...] = OUTPUTS) -> list[tuple[bytes, str, bytes]]:
    """Encode rows of symbol, time, price and (value, flag) of each output; ids count up."""
    return FeatureEncoder(outputs, SCHEMA).encode(
        [f"ticks-3-{place}" for place in range(len(rows))],
        [symbol for symbol, *_ in rows],
        [ts_ns for _, ts_ns, *_ in rows],
        [price for _, _, price, _ in rows],
        [[value for value, _ in cells] for *_, cells in rows],
        np.array([[flag for _, flag in cells] for *_, cells in rows], np.uint8).reshape(len(rows), len(outputs)),
    )


@given(rows=st.lists(row, max_size=6))
def test_is_the_documented_object(rows: list[Any]) -> None:
    encoded = encode(rows)
    assert len(encoded) == len(rows)
    for place, ((raw, status, flags), (symbol, ts_ns, price, cells)) in enumerate(zip(encoded, rows, strict=True)):
        named = list(zip(OUTPUTS, cells, strict=True))
        worst = max((flag for _, flag in cells), key=RANK.__getitem__)
        assert json.loads(raw.decode()) == {
            "id": f"ticks-3-{place}",
            "symbol": symbol,
            "ts_ns": ts_ns,
            "schema": SCHEMA,
            "status": FLAG_NAMES[worst] if RANK[worst] else "ready",
            "price": None if math.isnan(price) else price,
            "values": {name: None if math.isnan(value) else value for name, (value, _) in named},
            "flags": {name: FLAG_NAMES[flag] for name, (_, flag) in named if flag != READY},
        }
        assert list(json.loads(raw)["values"]) == list(OUTPUTS)
        record = json.loads(raw)
        assert (record["status"], record["flags"]) == (status, json.loads(flags))
        assert {name for name, value in record["values"].items() if value is None} <= set(record["flags"])


@given(rows=st.lists(row, max_size=6))
def test_its_reader_gets_every_bit_back(rows: list[Any]) -> None:
    got = FeatureRecordDecoder(OUTPUTS, SCHEMA).decode([raw for raw, *_ in encode(rows)])
    assert got.rejected == []
    assert (got.symbols, got.ts_ns) == ([symbol for symbol, *_ in rows], [ts_ns for _, ts_ns, *_ in rows])
    values = np.array([[value for value, _ in cells] for *_, cells in rows], np.float64).reshape(
        len(rows), len(OUTPUTS)
    )
    if rows:
        assert got.values.tobytes() == np.where(np.isnan(values), np.nan, values).tobytes()
    np.testing.assert_array_equal(got.price, np.array([price for _, _, price, _ in rows], np.float64), strict=True)


@pytest.mark.parametrize(
    ("flags", "status"),
    [
        ([READY, READY], "ready"),
        ([READY, STALE], "stale"),
        ([GAPPED, STALE], "gapped"),
        ([GAPPED, WARMING], "warming"),
        ([UNDEFINED, READY], "ready"),
        ([UNAVAILABLE, UNDEFINED], "ready"),
        ([UNAVAILABLE, STALE], "stale"),
    ],
)
def test_status_is_the_worst_of_those_that_count(flags: list[int], status: str) -> None:
    cells = [(math.nan if flag in NULLS else 1.0, flag) for flag in flags]
    for order in (cells, cells[::-1]):
        ((raw, given, _),) = encode([("ES", 1, 1.0, order)], ("a", "b"))
        assert (given, json.loads(raw)["status"]) == (status, status)


def test_same_input_same_bytes_whatever_was_encoded_before() -> None:
    encoder = FeatureEncoder(("a",), SCHEMA)

    def once(flag: int, value: float) -> list[tuple[bytes, str, bytes]]:
        return encoder.encode(["i"], ["s"], [1], [1.0], [[value]], np.array([[flag]], np.uint8))

    first = once(READY, 1.0)
    assert once(WARMING, math.nan) != first
    assert once(READY, 1.0) == first
    assert first[0][0] == (
        b'{"id":"i","symbol":"s","ts_ns":1,"schema":"0123456789ab","status":"ready","price":1.0,'
        b'"values":{"a":1.0},"flags":{}}'
    )


def test_flags_of_a_slice_of_columns_are_those_of_its_rows() -> None:
    flags = np.array([[READY, WARMING], [STALE, READY], [GAPPED, READY]], np.uint8)[::2]
    values = [[1.0, math.nan], [2.0, 3.0]]
    encoded = FeatureEncoder(("a", "b"), SCHEMA).encode(["i", "j"], ["s", "s"], [1, 2], [1.0, 1.0], values, flags)
    assert [json.loads(raw) for *_, raw in encoded] == [{"b": "warming"}, {"a": "gapped"}]


def test_what_does_not_fit_together_is_an_error() -> None:
    encoder = FeatureEncoder(("a", "b"), SCHEMA)
    flags = np.zeros((1, 2), np.uint8)
    with pytest.raises(ValueError, match="shorter"):
        encoder.encode(["i", "j"], ["s"], [1], [1.0], [[1.0, 2.0]], flags)
    with pytest.raises(ValueError, match="shorter"):
        encoder.encode(["i"], ["s"], [1], [1.0], [[1.0, 2.0]], flags[:, :1])
    with pytest.raises(TypeError):
        encoder.encode(["i"], ["s"], [1], [1.0], [[1.0]], flags)
    with pytest.raises(IndexError):
        encoder.encode(["i"], ["s"], [1], [1.0], [[1.0, 2.0]], flags + np.uint8(len(FLAG_NAMES)))


def test_no_ticks_give_no_records() -> None:
    assert encode([]) == []


def test_names_need_not_be_identifiers() -> None:
    ((raw, _, flags),) = encode([("ES", 1, 1.0, ((1.0, READY), (2.0, READY), (3.0, READY), (math.nan, UNDEFINED)))])
    assert msgspec.json.decode(flags) == {OUTPUTS[3]: "undefined"}
    assert json.loads(raw)["values"][OUTPUTS[3]] is None
