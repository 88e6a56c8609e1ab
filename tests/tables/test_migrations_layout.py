"""Rows of an earlier layout: what was in them goes on, what the layout did not have is that of a symbol never seen."""

import numpy as np
import pytest

from streams.engine import RealTimeFeatureEngine
from streams.feature_set import FeatureSet
from streams.layout import BAR, COMMON, EARLIER_COMMON, LAYOUT, LEFT_OUT
from tables.migrations import RowMigration, earlier_versions
from tests.streams.reference import same_bits, ticks

SETS = {
    "classics": FeatureSet.load("classics"),
    "all": FeatureSet.of(
        "all",
        "sma_5",
        "beta_20@1m~n",
        bars=["1m", "100t"],
        references={"n": "N225"},
        derived={"up": {"kind": "cross", "of": ["sma_5", "price"]}},
    ),
}


def earlier(feature_set: FeatureSet, row_layout: int) -> FeatureSet:
    """The set as an earlier version laid it out."""
    return next(found for found in earlier_versions(feature_set) if found.row_layout == row_layout)


def test_the_layouts_are_known() -> None:
    assert LAYOUT not in EARLIER_COMMON
    assert EARLIER_COMMON == {2: LEFT_OUT}
    versions = list(earlier_versions(SETS["classics"]))
    assert [found.row_layout for found in versions] == [LAYOUT, 2]
    assert versions[0] == SETS["classics"]


def test_the_rows_of_0_2_are_found_by_their_hash() -> None:
    """As that version wrote it into every row."""
    old = earlier(SETS["classics"], 2)
    assert (old.version, old.width) == ("8579ad9735ec", 172)


def test_the_default_set_of_0_2_is_found_under_its_name() -> None:
    """It had no limits of staleness; as that version wrote its hash into every row."""
    new = FeatureSet.load("default")
    versions = {found.layout_hash: found for found in earlier_versions(new)}
    old = versions[0xA6C6970B7A631CF6]
    assert (old.row_layout, old.width) == (2, 1693)
    migration = RowMigration(old, new)
    assert migration.fresh == []
    row = np.arange(1.0, old.width + 1)
    expected = np.concatenate((row[:LEFT_OUT], np.zeros(COMMON - LEFT_OUT), row[LEFT_OUT:]))
    assert np.array_equal(migration.convert(row), expected)


@pytest.mark.parametrize("name", SETS)
def test_every_number_goes_to_its_place(name: str) -> None:
    new = SETS[name]
    old = earlier(new, 2)
    assert old.width == new.width - (COMMON - LEFT_OUT)
    assert old.layout_hash != new.layout_hash
    row = np.arange(1.0, old.width + 1)
    migrated = RowMigration(old, new).convert(row)
    assert np.array_equal(migrated, np.concatenate((row[:LEFT_OUT], np.zeros(COMMON - LEFT_OUT), row[LEFT_OUT:])))
    assert new.layout.bars == tuple(COMMON + len(new.references) + BAR * i for i in range(len(new.intervals)))


def test_a_migrated_row_goes_on_as_if_it_had_always_been_so() -> None:
    """Ticks on one side and on the other of the change give the bits of an uninterrupted run."""
    new = FeatureSet.load("classics")
    prices = 100.0 + np.cumsum(np.random.default_rng(1).normal(size=80))
    engine = RealTimeFeatureEngine(new)
    whole = engine.run(prices).values[40:]
    half = engine.new_block()
    half.add("A")
    columns = ticks(prices.tolist())
    engine.fold(half, np.zeros(40, np.int32), columns.take(slice(0, 40)))
    state = half.state[0]
    old_row = np.concatenate((state[:LEFT_OUT], state[COMMON:]))
    again = engine.new_block()
    again.add("A", 39, int(half.last_ts_ns[0]), RowMigration(earlier(new, 2), new).convert(old_row))
    values = engine.fold(again, np.zeros(40, np.int32), columns.take(slice(40, 80))).values
    assert same_bits(values, np.ascontiguousarray(whole))
