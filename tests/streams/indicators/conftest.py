"""What the tests of the indicators share."""

import pytest

from streams.engine import RealTimeFeatureEngine
from streams.feature_set import FeatureSet


@pytest.fixture(scope="session")
def default_engine(tmp_path_factory: pytest.TempPathFactory) -> RealTimeFeatureEngine:
    """The engine of the default feature set, compiled once per session."""
    return RealTimeFeatureEngine(FeatureSet.load("classics"), cache_dir=tmp_path_factory.mktemp("kernels"))
