"""The rows of a training set are those of its plain definition, whatever the order and size in which records come."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import ConfigError, StateError
from streams.export.labels import LabelSpec
from streams.export.selection import Selection
from streams.export.training_set import Gatherer
from tests.streams.export.plain import KafkaRecord, Tick, feature_record, kafka_record, training_rows

T0_MS = 1_790_000_000_000
T0 = T0_MS * 10**6
SECOND = 10**9

prices = st.one_of(st.none(), st.sampled_from([100.0, 100.01, 99.98, 101.0, 7.25]))
ticks = st.lists(
    st.builds(
        Tick,
        symbol=st.sampled_from(["A", "B/C"]),
        ts_ns=st.integers(0, 30).map(lambda s: T0 + s * SECOND // 2),
        price=prices,
        mid=prices,
        known_ms=st.integers(0, 20).map(lambda s: T0_MS + s * 1_000),
    ),
    min_size=1,
    max_size=40,
)
selections = st.builds(
    Selection,
    start_ns=st.sampled_from([-(2**63), T0 + 2 * SECOND]),
    end_ns=st.sampled_from([2**63 - 1, T0 + 9 * SECOND]),
    known_at_ns=st.sampled_from([None, T0 + 12 * SECOND]),
    symbols=st.sampled_from([None, frozenset({"A"}), frozenset({"A", "B/C"})]),
)
label_specs = st.sampled_from(
    [
        None,
        LabelSpec(SECOND),
        LabelSpec(3 * SECOND, dead_band_bps=1.5),
        LabelSpec(3 * SECOND, price="last"),
        LabelSpec(5 * SECOND, take_bps=1.0, stop_bps=2.0),
    ]
)


def exported(
    records: list[KafkaRecord],
    mids: dict[int, float],
    chosen: Selection,
    labels: LabelSpec | None = None,
    *,
    batch: int = 7,
) -> list[dict[str, Any]]:
    """Rows of a training set made of records that come in batches."""
    with TemporaryDirectory() as folder:
        gatherer = Gatherer(chosen, Path(folder), "ticks", labels)
        for start in range(0, len(records), batch):
            part = records[start : start + batch]
            gatherer.take([(r, head) for r in part if (head := gatherer.wanted(r)) is not None], mids)
        rows: list[dict[str, Any]] = []
        for columns in gatherer.rows():
            assert tuple(columns) == gatherer.columns()
            lists = [plain_list(column) for column in columns.values()]
            rows += [dict(zip(columns, values, strict=True)) for values in zip(*lists, strict=True)]
        gatherer.close()
    return rows


def plain_list(column: Any) -> list[Any]:
    """A column with None where it is null."""
    values = column.tolist() if isinstance(column, np.ndarray) else list(column)
    return [None if value != value else value for value in values]  # noqa: PLR0124 - NaN is null


def history(found: list[Tick]) -> tuple[list[tuple[KafkaRecord, dict[str, Any]]], dict[int, float]]:
    """Records of the log and mids of their ticks."""
    records = []
    for source, tick in enumerate(found):
        content = feature_record(source, tick)
        records.append((kafka_record(source, tick.known_ms, content), content))
    return records, {source: tick.mid for source, tick in enumerate(found) if tick.mid is not None}


@given(ticks, selections, label_specs, st.integers(1, 50), st.randoms())
def test_rows_are_those_of_the_definition(
    found: list[Tick], chosen: Selection, labels: LabelSpec | None, batch: int, random: Any
) -> None:
    records, mids = history(found)
    # Copies, which a worker that lost its partitions may write: later in the log, known at any time.
    for record, content in random.sample(records, len(records) // 3):
        copy = kafka_record(len(records), record.timestamp + random.choice([-1, 0, 1, 5_000]), content)
        records.insert(random.randrange(records.index((record, content)) + 1, len(records) + 1), (copy, content))
    expected = training_rows(records, {f"ticks-0-{n}": mid for n, mid in mids.items()}, chosen, labels)
    rows = exported([record for record, _ in records], mids, chosen, labels, batch=batch)
    assert [row.pop("label_known_ns") is None for row in rows if "label_known_ns" in row] == [
        row["label"] is None for row in rows if "label" in row
    ]
    assert rows == expected


@given(ticks, st.integers(0, 39), st.sampled_from([0.5, 2.0]))
def test_no_feature_looks_ahead(found: list[Tick], place: int, factor: float) -> None:
    """Another price, mid and time of a tick changes no column of the rows before it but labels."""
    place %= len(found)
    changed = list(found)
    old = found[place]
    changed[place] = old._replace(price=(old.price or 1.0) * factor, mid=(old.mid or 1.0) * factor)
    spec = LabelSpec(2 * SECOND)
    before, after = (
        exported([r for r, _ in history(h)[0]], history(h)[1], Selection(), spec) for h in (found, changed)
    )
    for one, other in zip(before, after, strict=True):
        if one["id"] != f"ticks-0-{place}":
            assert {k: v for k, v in one.items() if not k.startswith("label")} == {
                k: v for k, v in other.items() if not k.startswith("label")
            }


@given(ticks, st.integers(0, 39))
def test_a_label_once_given_never_changes(found: list[Tick], cut: int) -> None:
    """More of the log adds labels and changes none."""
    records, mids = history(found)
    spec = LabelSpec(2 * SECOND, dead_band_bps=1.0)
    early = exported([r for r, _ in records[:cut]], mids, Selection(), spec) if cut else []
    late = {row["id"]: row for row in exported([r for r, _ in records], mids, Selection(), spec)}
    for row in early:
        if row["label"] is not None:
            assert row == late[row["id"]]


def test_a_correction_that_came_later_is_not_seen() -> None:
    tick = Tick("A", T0, 100.0, None, T0_MS)
    later = Tick("A", T0 + 1, 90.0, None, T0_MS + 60_000)
    records, mids = history([tick, later])
    rows = exported([r for r, _ in records], mids, Selection(known_at_ns=T0 + SECOND))
    assert [row["price"] for row in rows] == [100.0]


def test_the_first_known_of_two_copies_is_taken() -> None:
    content = feature_record(5, Tick("A", T0, 100.0, None, T0_MS))
    records = [kafka_record(0, T0_MS + 9, content), kafka_record(1, T0_MS + 4, content)]
    (row,) = exported(records, {}, Selection())
    assert row["known_ns"] == T0 + 4_000_000


def test_a_symbol_in_two_partitions_has_two_series() -> None:
    """Where any partition may hold a symbol: rows of the one, then of the other, with ids of their own."""
    tick = Tick("A", T0, 100.0, None, T0_MS)
    with TemporaryDirectory() as folder:
        gatherer = Gatherer(Selection(), Path(folder), "ticks")
        for partition in (1, 0):
            content = feature_record(5, tick, partition=partition)
            record = kafka_record(0, T0_MS, content, partition)
            head = gatherer.wanted(record)
            assert head is not None
            gatherer.take([(record, head)], {})
        assert [columns["id"] for columns in gatherer.rows()] == [["ticks-0-5"], ["ticks-1-5"]]
        gatherer.close()


def test_two_feature_sets_are_refused_by_name() -> None:
    tick = Tick("A", T0, 100.0, None, T0_MS)
    contents = [feature_record(0, tick, schema="a" * 12), feature_record(1, tick, schema="b" * 12)]
    records = [kafka_record(i, T0_MS, content) for i, content in enumerate(contents)]
    with pytest.raises(ConfigError, match=f"{'a' * 12} and {'b' * 12}.*ticks-0-1.*--schema {'b' * 12}"):
        exported(records, {}, Selection())
    assert [row["id"] for row in exported(records, {}, Selection(schema="b" * 12))] == ["ticks-0-1"]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (b"{", r"features\[0\]@3 is no feature record"),
        (None, r"features\[0\]@3 is no feature record"),
        ({"id": "5"}, r"features\[0\]@3 .*'5' is not <source topic>"),
        ({"id": "other-0-5"}, "is not of topic ticks"),
        ({"status": "fine"}, "ticks-0-5 to ticks-0-5, cannot be read"),
        ({"values": 3}, "cannot be read|is no feature record"),
    ],
)
def test_a_record_that_cannot_be_read_is_named(change: Any, what: str) -> None:
    content = feature_record(5, Tick("A", T0, 100.0, None, T0_MS))
    record = kafka_record(3, T0_MS, content | change if isinstance(change, dict) else content)
    if not isinstance(change, dict):
        record = KafkaRecord("features", 0, 3, T0_MS, b"A", change)
    with pytest.raises(StateError, match=what):
        exported([record], {}, Selection())


def test_an_output_with_the_name_of_a_column_is_refused() -> None:
    content = feature_record(5, Tick("A", T0, 100.0, None, T0_MS)) | {"values": {"known_ns": 1.0}}
    with pytest.raises(ConfigError, match="output 'known_ns' has the name of a column"):
        exported([kafka_record(0, T0_MS, content)], {}, Selection())
