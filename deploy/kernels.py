"""`python -m deploy.kernels`: compiles the kernels of the configured feature set into their caches, ahead of a worker.

The demonstration runs it while Kafka starts, the image at its build. A cache is good for one CPU type and one set of
library versions (numba checks): elsewhere the worker compiles again at its start, some seconds long.
"""

import sys
import time

from agents.decision.ensemble import EnsembleSystem, rules_for
from streams.engine import RealTimeFeatureEngine
from streams.errors import HayateError
from streams.feature_set import FeatureSet
from streams.settings import Settings

COMPILED_S = 2.0
"""Loading from the cache takes less."""


def main() -> int:
    """Compile; returns the exit status."""
    began_s = time.monotonic()
    try:
        feature_set = FeatureSet.load(Settings.from_env().feature_set)
        RealTimeFeatureEngine(feature_set).warm_up()
        EnsembleSystem(feature_set.outputs, members=rules_for(feature_set.outputs)).warm_up()
    except HayateError as error:
        print(f"hayate: {error}", file=sys.stderr)
        return 1
    took_s = time.monotonic() - began_s
    how = "compiled, once for this machine," if took_s > COMPILED_S else "loaded from the cache"
    print(f"kernels: feature set {feature_set.name}@{feature_set.version} {how} in {took_s:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
