"""`python -m deploy.kernels`: compiles the kernels of the configured feature set into their caches, ahead of a worker.

The demonstration runs it while Kafka starts, the image at its build. A cache is good for one CPU type and one set of
library versions (numba checks): elsewhere the worker compiles again at its start, some seconds long.
"""

import sys

from agents.decision.ensemble import EnsembleSystem
from streams.engine import RealTimeFeatureEngine
from streams.errors import HayateError
from streams.feature_set import FeatureSet
from streams.settings import Settings


def main() -> int:
    """Compile; returns the exit status."""
    try:
        feature_set = FeatureSet.load(Settings.from_env().feature_set)
        RealTimeFeatureEngine(feature_set).warm_up()
        EnsembleSystem(feature_set.outputs).warm_up()
    except HayateError as error:
        print(f"hayate: {error}", file=sys.stderr)
        return 1
    print(f"kernels of feature set {feature_set.name}@{feature_set.version} are compiled")
    return 0


if __name__ == "__main__":
    sys.exit(main())
