"""Ticks from records: whatever comes, each record has exactly one verdict, and a valid tick is read exactly."""

import json
import math
import re
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from aiokafka import ConsumerRecord
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.records import MAX_TICK_BYTES
from streams.ticks import Decoded, TickDecoder

PARTITIONS = 4
VALID: dict[str, Any] = {"symbol": "ES", "ts_ns": 1_790_000_000_000_000_000, "price": 1639.25, "size": 3}
FLOATS = ("price", "size", "bid", "ask", "bid_size", "ask_size")


def place_of(symbol: str) -> int:
    """Partition of a key, as aiokafka's own producer chooses it."""
    return int(DefaultPartitioner()(symbol.encode(), list(range(PARTITIONS)), []))


def record_of(
    value: bytes | dict[str, Any] | None,
    *,
    key: bytes | None = b"ES",
    partition: int | None = None,
    offset: int = 0,
    headers: tuple[tuple[str, bytes | None], ...] = (),
) -> ConsumerRecord:
    """A record of the topic `ticks`, on the partition of its key unless told otherwise."""
    raw = json.dumps(value).encode() if isinstance(value, dict) else value
    if partition is None:
        partition = int(DefaultPartitioner()(key or b"", list(range(PARTITIONS)), []))
    return ConsumerRecord("ticks", partition, offset, 0, 1, key, raw, None, 0, 0, headers)


def decode(*records: ConsumerRecord, any_partition: bool = False) -> Decoded:
    return TickDecoder(PARTITIONS, any_partition=any_partition).decode(records)


def verdict(record: ConsumerRecord, *, any_partition: bool = False) -> str:
    """The reason of a rejection, `mark`, or `tick`."""
    got = decode(record, any_partition=any_partition)
    assert len(got.columns) + len(got.rejected) + got.marks == 1
    if got.rejected:
        assert got.rejected[0].record is record
        assert got.rejected[0].detail
        return got.rejected[0].reason
    return "mark" if got.marks else "tick"


REASONS: list[tuple[str, bytes | dict[str, Any] | None, str]] = [
    ("bad-json", None, "null; send a JSON object"),
    ("bad-json", b"", "truncated"),
    ("bad-json", b"{", "truncated"),
    ("bad-json", json.dumps(VALID).encode() + b"}", "trailing"),
    ("bad-json", b'{"symbol": "\xff"}', "utf-8"),
    ("bad-json", json.dumps({"venue": "\ud800"} | VALID).encode(), "surrogate"),
    ("bad-json", b'{"price": NaN}', "invalid character"),
    ("too-large", b" " * (MAX_TICK_BYTES + 1), "65537 bytes; a tick has at most 65536"),
    ("invalid", b"[]", "Expected `object`"),
    ("invalid", b"null", "Expected `object`"),
    ("invalid", {"ts_ns": 1, "price": 1}, "missing required field `symbol`"),
    ("invalid", VALID | {"symbol": 7}, "symbol"),
    ("invalid", VALID | {"ts_ns": "7"}, "ts_ns"),
    ("invalid", VALID | {"ts_ns": 1.5}, "ts_ns"),
    ("invalid", VALID | {"ts_ns": True}, "ts_ns"),
    ("invalid", VALID | {"price": "1"}, "price"),
    ("invalid", VALID | {"price": True}, "price"),
    ("invalid", VALID | {"size": None}, "size"),
    ("invalid", VALID | {"side": "BUY"}, "BUY"),
    ("invalid", VALID | {"seq": 1.5}, "seq"),
    ("invalid", VALID | {"clock": None}, "clock"),
    ("invalid", json.dumps(VALID).replace("1639.25", "1e999").encode(), "out of range"),
    ("bad-symbol", VALID | {"symbol": ""}, "''"),
    ("bad-symbol", VALID | {"symbol": "A:B"}, "'A:B' does not match"),
    ("bad-symbol", VALID | {"symbol": "ES\n"}, "does not match"),
    ("bad-symbol", VALID | {"symbol": "É"}, "does not match"),
    ("bad-symbol", VALID | {"symbol": "A" * 33}, "does not match"),
    ("key-mismatch", VALID | {"symbol": "NQ"}, "the key is b'ES', the symbol 'NQ'"),
    ("bad-time", {"symbol": "ES", "price": 1}, "exactly one"),
    ("bad-time", VALID | {"ts": "2026-01-01T00:00:00Z"}, "exactly one"),
    ("bad-time", {"symbol": "ES", "price": 1, "ts": "yesterday"}, "ts 'yesterday': not an RFC 3339"),
    ("bad-time", {"symbol": "ES", "price": 1, "ts": "2026-02-30T00:00:00Z"}, "day"),
    ("bad-time", {"symbol": "ES", "price": 1, "ts": ""}, "ts ''"),
    ("bad-time", {"symbol": "ES", "price": 1, "ts": "1969-12-31T23:59:59Z"}, "outside 1..2"),
    ("bad-time", VALID | {"ts_ns": 0}, "ts_ns 0 is outside"),
    ("bad-time", VALID | {"ts_ns": -1}, "ts_ns -1"),
    ("bad-time", VALID | {"ts_ns": 2**63}, "ts_ns 9223372036854775808"),
    ("empty", {"symbol": "ES", "ts_ns": 1}, "neither a price nor both bid and ask"),
    ("empty", {"symbol": "ES", "ts_ns": 1, "bid": 1}, "neither"),
    ("empty", {"symbol": "ES", "ts_ns": 1, "ask": 1, "price": None}, "neither"),
    *(
        (f"bad-{name}", VALID | {"bid": 1, "ask": 2} | {name: value}, f"{name} {float(value)!r} is not a positive")
        for name in ("price", "bid", "ask")
        for value in (0, -0.0, -1)
    ),
    *(
        ("bad-size", VALID | {name: value}, f"{name} {value!r} is not a finite number >= 0")
        for name in ("size", "bid_size", "ask_size")
        for value in (-1.0, -5e-324)
    ),
]


@pytest.mark.parametrize(("reason", "value", "detail"), REASONS)
def test_a_bad_value_is_rejected_alone_and_says_why(
    reason: str, value: bytes | dict[str, Any] | None, detail: str
) -> None:
    bad = record_of(value, offset=6)
    good = [record_of(VALID, offset=5), record_of(VALID, offset=7)]
    got = decode(good[0], bad, good[1])
    ((record, given, text),) = got.rejected
    assert record is bad
    assert given == reason
    assert detail in text
    assert got.records == good
    assert got.columns.offset.tolist() == [5, 7]


def test_the_largest_tick_is_accepted() -> None:
    raw = json.dumps(VALID).encode()
    assert verdict(record_of(raw + b" " * (MAX_TICK_BYTES - len(raw)))) == "tick"


def test_all_reasons_of_this_module_are_reached() -> None:
    others = {"no-key", "wrong-partition", "unknown-kind", "bad-price", "bad-bid", "bad-ask", "bad-size"}
    reached = {reason for reason, *_ in REASONS} | others
    from streams import ticks  # noqa: PLC0415 - its source is the list of reasons

    assert ticks.__file__ is not None
    with open(ticks.__file__, encoding="utf-8") as file:  # noqa: PTH123 - one read
        named = set(re.findall(r'TickRejected\(\s*"([a-z-]+)"', file.read()))
    assert named <= reached
    assert {"bad-json", "too-large", "invalid", "bad-symbol", "key-mismatch", "bad-time", "empty"} <= named


@pytest.mark.parametrize("partition", range(PARTITIONS))
@pytest.mark.parametrize("symbol", ["ES", "BTC/USDT", "a", "foobar", "A.b-C_9"])
def test_a_tick_belongs_to_the_partition_of_its_key(symbol: str, partition: int) -> None:
    record = record_of(VALID | {"symbol": symbol}, key=symbol.encode(), partition=partition)
    if partition == place_of(symbol):
        assert verdict(record) == "tick"
    else:
        assert verdict(record) == "wrong-partition"
        detail = decode(record).rejected[0].detail
        assert f"belongs to partition {place_of(symbol)} by murmur2, this is {partition}" in detail
        assert "murmur2_random" in detail
    assert verdict(record, any_partition=True) == "tick"


def test_placement_is_that_of_the_java_client() -> None:
    of_foobar = -790332482  # says org.apache.kafka.common.utils.UtilsTest
    partition = (of_foobar & 0x7FFFFFFF) % PARTITIONS
    assert verdict(record_of(VALID | {"symbol": "foobar"}, key=b"foobar", partition=partition)) == "tick"


def test_a_key_is_needed_unless_any_partition_will_do() -> None:
    record = record_of(VALID, key=None, partition=3)
    assert verdict(record) == "no-key"
    assert "'ES'" in decode(record).rejected[0].detail
    assert verdict(record, any_partition=True) == "tick"
    for key in (b"", b"es", b"\xff" * 100):
        for any_partition in (False, True):
            assert verdict(record_of(VALID, key=key), any_partition=any_partition) == "key-mismatch"


@pytest.mark.parametrize("kind", [b"", b"Clock", b"clock ", b"\xff" * 1_000])
def test_an_unknown_kind_is_rejected(kind: bytes) -> None:
    record = record_of(VALID, headers=(("kind", kind),))
    assert verdict(record) == "unknown-kind"
    assert len(decode(record).rejected[0].detail) < 250


def test_a_kind_without_value_is_none() -> None:
    assert verdict(record_of(VALID, headers=(("kind", None), ("KIND", b"x")))) == "tick"


def test_no_records_give_empty_columns() -> None:
    got = decode()
    assert (len(got.columns), got.symbols, got.records, got.rejected, got.marks) == (0, [], [], [], 0)
    assert got.columns.side.dtype == np.int8
    assert {getattr(got.columns, name).shape for name in (*FLOATS, "offset", "ts_ns", "side")} == {(0,)}


def test_the_decoder_s_memory_of_keys_does_not_mix_partitions_up() -> None:
    decoder = TickDecoder(PARTITIONS)
    for _ in range(2):
        for symbol in ("A", "B", "C", "D"):
            tick = VALID | {"symbol": symbol}
            assert not decoder.decode([record_of(tick, key=symbol.encode())]).rejected
            wrong = record_of(tick, key=symbol.encode(), partition=(place_of(symbol) + 1) % PARTITIONS)
            assert decoder.decode([wrong]).rejected[0].reason == "wrong-partition"


positive = st.floats(min_value=5e-324, allow_infinity=False) | st.integers(1, 2**70)
size = st.floats(min_value=0, allow_infinity=False) | st.integers(0, 2**70)
quote = {"bid": positive, "ask": positive}
times = st.fixed_dictionaries({"ts_ns": st.integers(1, 2**63 - 1)}) | st.builds(
    lambda at, fraction: {"ts": f"{at:%Y-%m-%dT%H:%M:%S}.{fraction:09}Z"},
    st.datetimes(datetime(1970, 1, 2), datetime(2262, 1, 1)),  # noqa: DTZ001 - hypothesis wants naive bounds
    st.integers(0, 999_999_999),
)
optional: dict[str, st.SearchStrategy[Any]] = {
    "size": size,
    "bid_size": size | st.none(),
    "ask_size": size | st.none(),
    "side": st.sampled_from(["buy", "sell", None]),
    "seq": st.integers(-(2**63), 2**64 - 1) | st.text() | st.none(),
    "venue": st.text() | st.none(),
    "clock": st.text(),
    "more": st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=4),
}
ticks = st.builds(
    lambda *parts: {name: value for part in parts for name, value in part.items()},
    st.fixed_dictionaries({"symbol": st.from_regex(r"[A-Za-z0-9._/-]{1,32}", fullmatch=True)}),
    times,
    st.fixed_dictionaries({"price": positive}, optional={name: value | st.none() for name, value in quote.items()})
    | st.fixed_dictionaries(quote, optional={"price": st.none() | positive}),
    st.fixed_dictionaries({}, optional=optional),
)


def parsed(value: bytes) -> tuple[float, ...]:
    """The columns of a tick, parsed independently."""
    tick = json.loads(value)
    if tick.get("ts") is not None:
        whole, fraction = tick["ts"][:-1].split(".")
        seconds = (datetime.fromisoformat(f"{whole}+00:00") - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
        ts_ns = int(seconds) * 10**9 + int(fraction)
    else:
        ts_ns = tick["ts_ns"]
    numbers = [tick.get(name) for name in FLOATS]
    if "size" not in tick:
        numbers[1] = 0.0
    floats = [math.nan if number is None else float(number) for number in numbers]
    return (ts_ns, *floats, {"buy": 1, "sell": -1}.get(tick.get("side"), 0))


@given(batch=st.lists(ticks, max_size=8), data=st.data())
def test_valid_ticks_are_read_as_an_independent_parser_reads_them(
    batch: list[dict[str, Any]], data: st.DataObject
) -> None:
    offsets = sorted(data.draw(st.sets(st.integers(0, 2**63 - 1), min_size=len(batch), max_size=len(batch))))
    records = [
        record_of(
            json.dumps(
                tick, ensure_ascii=data.draw(st.booleans()), indent=data.draw(st.sampled_from([None, 1]))
            ).encode(),
            key=tick["symbol"].encode(),
            offset=offset,
        )
        for tick, offset in zip(batch, offsets, strict=True)
    ]
    got = decode(*records)
    assert got.rejected == []
    assert (got.symbols, got.records) == ([tick["symbol"] for tick in batch], records)
    assert got.columns.offset.tolist() == offsets
    rows = [parsed(record.value) for record in records]
    for place, name in enumerate(("ts_ns", *FLOATS, "side")):
        column = getattr(got.columns, name)
        np.testing.assert_array_equal(column, np.array([row[place] for row in rows], column.dtype), strict=True)
    assert got.columns.ts_ns.dtype == np.int64
    assert got.columns.price.dtype == np.float64


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """JSON of a valid tick after a few accidents to its fields and its bytes."""
    tick = dict(draw(ticks))
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from([*tick, "ts", "ts_ns", *FLOATS]))
        if draw(st.booleans()):
            tick.pop(name, None)
        else:
            tick[name] = draw(json_values)
    raw = bytearray(json.dumps(tick, ensure_ascii=False).encode(errors="surrogatepass"))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(raw)))
        raw[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2) | st.sampled_from([b"{", b"[", b'"', b"0"]))
    return bytes(raw)


placements = st.tuples(
    st.none() | st.binary(max_size=3) | st.just(b"ES"),
    st.integers(0, PARTITIONS - 1),
    st.lists(
        st.tuples(st.sampled_from(["kind", "sent_ns"]), st.none() | st.binary(max_size=4) | st.just(b"clock")),
        max_size=2,
    ),
)


@settings(max_examples=300)
@given(
    batch=st.lists(st.tuples(mutated() | st.binary(max_size=40) | st.none(), placements, st.booleans()), max_size=6),
    any_partition=st.booleans(),
)
def test_whatever_comes_each_record_has_exactly_one_verdict(
    batch: list[tuple[bytes | None, tuple[bytes | None, int, list[tuple[str, bytes | None]]], bool]],
    any_partition: bool,
) -> None:
    records = []
    for offset, (value, (key, partition, headers), well_placed) in enumerate(batch):
        if well_placed:
            try:
                key = json.loads(value or b"")["symbol"].encode()  # noqa: PLW2901 - where the tick says it belongs
                partition = int(DefaultPartitioner()(key, list(range(PARTITIONS)), []))  # noqa: PLW2901
            except (ValueError, TypeError, KeyError, AttributeError):
                pass  # not a tick at all; anywhere will do
        records.append(record_of(value, key=key, partition=partition, offset=offset, headers=tuple(headers)))
    got = decode(*records, any_partition=any_partition)
    rejected = {id(rejection.record) for rejection in got.rejected}
    accepted = {id(record) for record in got.records}
    of_kind = {id(record) for record in records if dict(reversed(record.headers)).get("kind") == b"clock"}
    marks = of_kind - rejected
    assert len(accepted) + len(rejected) + got.marks == len(records)
    assert (accepted | rejected | marks, got.marks) == ({id(record) for record in records}, len(marks))
    assert got.columns.offset.tolist() == [record.offset for record in got.records]
    for place, record in enumerate(got.records):
        assert got.columns.ts_ns[place] > 0
        trade, bid, ask = got.columns.price[place], got.columns.bid[place], got.columns.ask[place]
        assert trade > 0 or (bid > 0 and ask > 0)
        assert any_partition or record.key == got.symbols[place].encode()
        assert any_partition or record.partition == place_of(got.symbols[place])
        tick = json.loads(record.value.decode(errors="replace"))
        assert tick["symbol"] == got.symbols[place]
        np.testing.assert_equal(trade, math.nan if tick.get("price") is None else float(tick["price"]))


def test_deep_nesting_is_bad_json_and_not_the_end_of_the_worker() -> None:
    raw = json.dumps(VALID).encode()[:-1] + b', "more": ' + b"[" * 20_000
    assert verdict(record_of(raw)) == "bad-json"


def test_details_are_short() -> None:
    record = record_of(VALID | {"side": "x" * 60_000})
    assert len(decode(record).rejected[0].detail) < 1_000
