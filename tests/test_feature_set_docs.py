"""docs/feature-sets.md does what it says: its file is read, its example of an indicator works as printed."""

import importlib
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

import streams.indicators
from streams.engine import RealTimeFeatureEngine
from streams.feature_set import FeatureSet
from streams.feature_set_options import KEYS
from streams.indicators import catalogue

PAGE = Path(__file__).parents[1] / "docs" / "feature-sets.md"
BLOCKS = dict(re.findall(r"```(toml|python)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))


def test_the_file_is_read_and_shows_every_key(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(BLOCKS["toml"], encoding="utf-8")
    feature_set = FeatureSet.load(path)
    assert feature_set.name == "mine"
    assert set(tomllib.loads(BLOCKS["toml"])) == set(KEYS)
    assert feature_set.outputs[-2:] == ("golden", "mood")


@pytest.fixture
def with_upshare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The example beside the other families, and in their list."""
    (tmp_path / "upshare.py").write_text(BLOCKS["python"], encoding="utf-8")
    monkeypatch.setattr(streams.indicators, "__path__", [*streams.indicators.__path__, str(tmp_path)])
    family = importlib.import_module("streams.indicators.upshare").UPSHARE
    monkeypatch.setattr(catalogue, "FAMILIES", MappingProxyType({**catalogue.FAMILIES, "upshare": family}))
    yield
    del sys.modules["streams.indicators.upshare"]


@pytest.mark.usefixtures("with_upshare")
def test_an_indicator_of_ones_own(tmp_path: Path) -> None:
    feature_set = FeatureSet.of("own", "upshare_2", "upshare_2@3t")
    engine = RealTimeFeatureEngine(feature_set, cache_dir=tmp_path / "kernels")
    folded = engine.run([1.0, 2.0, 3.0, 3.0, 2.0, 1.0, 5.0, 5.0, 4.0])
    assert np.isnan(folded.values[:2, 0]).all()
    np.testing.assert_array_equal(folded.values[2:, 0], [1.0, 0.75, 0.375, 0.1875, 0.59375, 0.546875, 0.2734375])
    np.testing.assert_array_equal(folded.values[-1:, 1], [0.5])
