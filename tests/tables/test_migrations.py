"""Rows of one feature set as rows of another: what is the same goes on, everything else starts like a fresh row."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.columns import F64, TickColumns
from streams.engine import RealTimeFeatureEngine
from streams.feature_set import FeatureSet
from streams.indicators import catalogue
from streams.indicators.beta import BETA
from streams.layout import COMMON, EARLIER_COMMON, LAYOUT
from streams.state_block import StateBlock
from tables.migrations import FamilyMigration, RowMigration, earlier_versions

NAMES = ("sma_5", "sma_20", "ema_12", "rsi_14", "macd", "bbands", "sma_5@1m", "rsi_14@1m", "rsi_14@5m", "sma_5@100t")


def counting_row(feature_set: FeatureSet) -> F64:
    """A row in which every slot has a number of its own, above 0."""
    return np.arange(1.0, feature_set.width + 1)


@given(
    st.lists(st.sampled_from(NAMES), min_size=1, unique=True), st.lists(st.sampled_from(NAMES), min_size=1, unique=True)
)
def test_equal_indicators_keep_their_slots(before: list[str], after: list[str]) -> None:
    """Whatever else the sets have, and in whatever order."""
    old, new = FeatureSet.of("old", *before), FeatureSet.of("new", *after)
    migration = RowMigration(old, new)
    assert set(migration.kept) == set(before) & set(after)
    assert set(migration.fresh) == set(after) - set(before)
    source = counting_row(old)
    target = migration.convert(source)
    assert target.shape == (new.width,)
    np.testing.assert_array_equal(target[:COMMON], source[:COMMON])
    for name in after:
        slots = target[new.layout.places[name].slots]
        if name in before:
            np.testing.assert_array_equal(slots, source[old.layout.places[name].slots])
        else:
            assert not slots.any()
    # Nothing comes twice and nothing from nowhere.
    taken = target[target != 0]
    assert len(set(taken)) == len(taken)
    assert set(taken) <= set(source)


@given(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
def test_the_same_set_is_the_same_row(names: list[str]) -> None:
    feature_set = FeatureSet.of("same", *names)
    row = counting_row(feature_set)
    np.testing.assert_array_equal(RowMigration(feature_set, feature_set).convert(row), row)


def test_a_migrated_row_goes_on_as_if_the_set_had_always_been_so() -> None:
    """What both sets have gives the same bits after the migration as without it; what is new warms up."""
    old, new = FeatureSet.of("old", "sma_5", "rsi_14"), FeatureSet.of("new", "ema_12", "rsi_14", "sma_5")
    prices = 100.0 + np.cumsum(np.random.default_rng(1).normal(size=60))
    row = _row_after(old, prices[:40])
    uninterrupted = RealTimeFeatureEngine(old).run(prices).values[40:]
    goes_on = _values_from(new, RowMigration(old, new).convert(row), prices[40:])
    np.testing.assert_array_equal(goes_on[:, new.outputs.index("sma_5")], uninterrupted[:, 0])
    np.testing.assert_array_equal(goes_on[:, new.outputs.index("rsi_14")], uninterrupted[:, 1])
    fresh = RealTimeFeatureEngine(FeatureSet.of("fresh", "ema_12")).run(prices[40:]).values[:, 0]
    np.testing.assert_array_equal(goes_on[:, 0], fresh)
    assert np.isnan(goes_on[0, 0]), "warming, not a number made of nothing"


def _row_after(feature_set: FeatureSet, prices: F64) -> F64:
    engine = RealTimeFeatureEngine(feature_set)
    block = engine.new_block()
    block.add("A")
    _fold(engine, block, prices)
    row: F64 = block.state[0].copy()
    return row


def _values_from(feature_set: FeatureSet, row: F64, prices: F64) -> F64:
    engine = RealTimeFeatureEngine(feature_set)
    block = engine.new_block()
    block.add("A", state=row)
    return _fold(engine, block, prices)


def _fold(engine: RealTimeFeatureEngine, block: StateBlock, prices: F64) -> F64:
    n = len(prices)
    absent = np.full(n, np.nan)
    trades = TickColumns(
        offset=np.arange(n, dtype=np.int64) + int(block.last_offset[0]) + 1,
        ts_ns=np.zeros(n, dtype=np.int64),
        price=np.ascontiguousarray(prices),
        size=np.zeros(n),
        bid=absent,
        ask=absent,
        bid_size=absent,
        ask_size=absent,
        side=np.zeros(n, dtype=np.int8),
        seq=np.full(n, -1, dtype=np.int64),
        clock=np.zeros(n),
        kind=np.zeros(n, dtype=np.int8),
        reference=np.empty((n, 0)),
        arrival_ns=np.full(n, -1, dtype=np.int64),
        barred=np.zeros(n, dtype=np.int8),
    )
    return engine.fold(block, np.zeros(n, np.int32), trades).values


def test_references_bars_and_sides() -> None:
    """A reference price goes with its symbol, a bar with its interval, the side of a cross with its operands."""
    crosses = {"up": {"kind": "cross", "of": ["sma_5", "rsi_14"]}, "level": {"kind": "cross", "of": ["sma_5", 50]}}
    old = FeatureSet.of("old", "sma_5", "rsi_14", bars=["1m", "5m"], references={"a": "A", "b": "B"}, derived=crosses)
    other = {"kind": "cross", "of": ["sma_5", "ema_12"]}
    new = FeatureSet.of(
        "new",
        "sma_5",
        "ema_12",
        bars=["5m", "1h"],
        references={"x": "C", "y": "A"},
        derived={"other": other, "at": crosses["level"]},
    )
    source = counting_row(old)
    target = RowMigration(old, new).convert(source)
    layout = new.layout
    assert target[layout.references] == 0
    assert target[layout.references + 1] == source[old.layout.references]
    np.testing.assert_array_equal(
        target[layout.bars[0] : layout.bars[1]], source[old.layout.bars[1] : old.layout.derived]
    )
    assert not target[layout.bars[1] : layout.derived].any()
    assert target[layout.derived] == 0
    assert target[layout.derived + 1] == source[old.layout.derived + 1]


def test_a_side_of_what_starts_warming_is_unknown() -> None:
    """The operand is there in both sets, and has another revision in the new one."""
    cross = {"up": {"kind": "cross", "of": ["sma_5", 50]}}
    new = FeatureSet.of("new", "sma_5", derived=cross)
    migration = RowMigration(_at_revision(new, "sma", 0), new)
    assert migration.fresh == ["sma_5"]
    assert migration.convert(counting_row(new))[new.layout.derived] == 0


def _at_revision(feature_set: FeatureSet, family: str, revision: int) -> FeatureSet:
    return replace(
        feature_set,
        indicators=tuple(
            replace(one, family=replace(one.family, revision=revision)) if one.family.name == family else one
            for one in feature_set.indicators
        ),
    )


def test_another_reference_symbol_behind_the_same_alias_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "FAMILIES", {**catalogue.FAMILIES, "beta": BETA})
    old = FeatureSet.of("old", "beta_60~x", references={"x": "A"})
    assert RowMigration(old, FeatureSet.of("same", "beta_60~x", references={"x": "A"})).kept == ["beta_60~x"]
    assert RowMigration(old, FeatureSet.of("new", "beta_60~x", references={"x": "B"})).fresh == ["beta_60~x"]


class TestRevisions:
    """Families whose state has changed its meaning."""

    NOW = FeatureSet.of("set", "sma_5", "rsi_14")
    OLD_SMA = FamilyMigration("sma", 0, lambda n: n + 1, lambda slots, _: slots[1:] * 10)
    OLDER_SMA = FamilyMigration("sma", -1, lambda n: n + 2, lambda slots, _: slots[1:] + 0.5)

    @pytest.fixture(autouse=True)
    def _sizes(self) -> None:
        size = self.NOW.layout.places["sma_5"].indicator.state_size
        self.OLD_SMA = replace(self.OLD_SMA, state_size=lambda *_: size + 1)
        self.OLDER_SMA = replace(self.OLDER_SMA, state_size=lambda *_: size + 2)

    def test_earlier_versions_are_told_by_their_layouts(self) -> None:
        versions = list(earlier_versions(self.NOW, [self.OLD_SMA, self.OLDER_SMA]))
        assert versions[0] == self.NOW
        layouts = 1 + len(EARLIER_COMMON)
        assert len({version.layout_hash for version in versions}) == len(versions) == 3 * layouts
        assert [v for v in earlier_versions(self.NOW) if v.row_layout == LAYOUT] == [self.NOW]

    def test_slots_are_converted_step_by_step(self) -> None:
        registry = [self.OLD_SMA, self.OLDER_SMA]
        _, old, older, *_ = earlier_versions(self.NOW, registry)
        for version in (old, older):
            source = counting_row(version)
            migration = RowMigration(version, self.NOW, registry)
            assert migration.kept == ["sma_5", "rsi_14"]
            target = migration.convert(source)
            place, before = self.NOW.layout.places["sma_5"], version.layout.places["sma_5"]
            slots = source[before.states]
            expected = slots[1:] * 10 if version is old else (slots[1:] + 0.5)[1:] * 10
            np.testing.assert_array_equal(target[place.states], expected)
            np.testing.assert_array_equal(
                target[place.at : place.outputs.stop], source[before.at : before.outputs.stop]
            )
            rsi = self.NOW.layout.places["rsi_14"].slots
            np.testing.assert_array_equal(target[rsi], source[version.layout.places["rsi_14"].slots])

    def test_without_a_way_it_starts_warming(self) -> None:
        """A step is missing, or the rows are of a later revision than the program's."""
        _, older, *_ = earlier_versions(self.NOW, [self.OLDER_SMA])
        assert RowMigration(older, self.NOW, [self.OLDER_SMA]).fresh == ["sma_5"]
        assert RowMigration(_at_revision(self.NOW, "sma", 7), self.NOW).fresh == ["sma_5"]
