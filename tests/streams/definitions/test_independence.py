"""The definitions share nothing with what they judge."""

import pytest

from streams.definitions.catalogue import DEFINITIONS, define
from streams.feature_set import FeatureSet
from streams.indicators.catalogue import FAMILIES
from tests.test_house import MODULES, reached

OURS = [name for name in MODULES if name.startswith("streams.definitions")]


@pytest.mark.parametrize("name", OURS)
def test_no_definition_reaches_the_kernel_or_a_step(name: str) -> None:
    others = {module for module in reached(name) if module.startswith(("streams.", "tables.", "agents.", "numba"))}
    assert {module for module in others if not module.startswith("streams.definitions")} == set()


@pytest.mark.parametrize("name", ["default", "classics"])
def test_every_output_of_the_shipped_sets_has_one_with_its_names_and_its_warm_up(name: str) -> None:
    for indicator in FeatureSet.load(name).indicators:
        definition = define(indicator.family.name, indicator.parameters)
        assert definition is not None, indicator.name
        assert definition.outputs == indicator.family.outputs
        assert definition.warmup == indicator.warmup
        assert definition.on == indicator.family.on
        assert definition.on_gap == indicator.family.on_gap


def test_each_belongs_to_a_family() -> None:
    assert set(DEFINITIONS) <= set(FAMILIES)
    assert define("nobody", ()) is None
