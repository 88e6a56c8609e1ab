"""Limits and units of outputs: those of the fold, and those that the catalogue states."""

import pytest

from streams.codegen import outputs as codegen
from streams.codegen.plan import Plan
from streams.feature_limits import limits
from streams.feature_set import FeatureSet
from streams.feature_units import UNITS, units
from streams.indicators.catalogue import FAMILIES

NAMES = ("rsi_14", "rsi_14@1m", "rsi_14@1m.live", "spread", "trade_age", "macd")
STALE = {"trade_s": 60, "quote_s": 10, "bar_s": 180, "outputs": {"rsi_14": 5}}
DERIVED = {
    "up": {"kind": "cross", "of": ["rsi_14", 50]},
    "mood": {"kind": "agreement", "of": [["macd", "macd_signal"], ["price", "spread"]]},
}


def test_each_output_has_the_limit_of_what_it_is_made_of() -> None:
    found = limits(FeatureSet.of("test", *NAMES, stale=STALE, derived=DERIVED))
    assert found == {
        "rsi_14": 5.0,
        "rsi_14@1m": 180.0,
        "rsi_14@1m.live": 60.0,
        "spread": 10.0,
        "spread_bps": 10.0,
        "spread_state": 10.0,
        # Written at every tick, whichever comes.
        "trade_age": 60.0,
        "macd": 60.0,
        "macd_signal": 60.0,
        "macd_hist": 60.0,
        "up": 5.0,
        "mood": 10.0,
    }


def test_without_the_table_nothing_has_a_limit() -> None:
    assert limits(FeatureSet.of("test", *NAMES)) == {}


def test_the_fold_has_the_same_limits() -> None:
    feature_set = FeatureSet.of("test", *NAMES, stale=STALE)
    plan = Plan.of(feature_set) if hasattr(Plan, "of") else Plan(feature_set)
    found = limits(feature_set)
    compared = 0
    for indicator in feature_set.indicators:
        for place, output in enumerate(indicator.outputs):
            _, limit_ns = codegen._limit(plan, indicator, place)
            if indicator.family.on != "tick":
                assert limit_ns == round(found[output] * 1e9)
                compared += 1
    assert compared > 8


def test_every_output_of_the_catalogue_has_a_unit() -> None:
    assert {output for family in FAMILIES.values() for output in family.outputs} == set(UNITS)


@pytest.mark.parametrize("name", ["default", "classics"])
def test_units_of_a_set(name: str) -> None:
    feature_set = FeatureSet.load(name)
    found = units(feature_set)
    assert tuple(found) == feature_set.outputs
    assert (found["sma_20"], found["rsi_14"]) == ("price", "1")
