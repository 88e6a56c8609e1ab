"""What judging and alerting cost beside deciding: `python -m tests.benchmarks.judging [records]`, one thread, no Kafka.

A real version of five members decides about a simulated market of 200 symbols at 1,000 ticks a second; then the same
batches go through alerts, drift, maturing and tallies. The share is that of the second in the decision alone: decoding
and encoding, which a worker does as well, are not counted, so it is less there.
"""

import sys
import time
from collections.abc import Iterator

import numpy as np

from agents.alerting.kinds import AlertLimits
from agents.alerting.watch import AlertWatch
from agents.decision.answers import Answer
from agents.decision.feature_records import FeatureColumns
from agents.decision.following import Following, Passing
from agents.decision.models import NoModels
from agents.decision.version import ModelVersion
from agents.judging.judge import Judge
from tests.models import SMALL, market, version

SYMBOLS = 200
TICK_NS = 1_000_000
LIMITS = AlertLimits(True, 100.0, 6.0, 10.0, 60.0, 300.0, 0.25)


class OneModel(NoModels):
    """The version under test."""

    def __init__(self, loaded: ModelVersion) -> None:
        self.loaded = loaded

    def decider(self, model: str) -> ModelVersion | None:  # noqa: ARG002 - there is one
        """It."""
        return self.loaded


def batches(records: int, size: int) -> Iterator[tuple[FeatureColumns, list[int]]]:
    """Batches of the market, as a partition with all symbols has them."""
    values, price = market(SMALL)
    for first in range(0, records, size):
        at = np.arange(first, first + size)
        rows = at % len(price)
        features = FeatureColumns(
            ids=[f"ticks-0-{i}" for i in at.tolist()],
            symbols=[f"S{i % SYMBOLS:03d}" for i in at.tolist()],
            ts_ns=(1_700_000_000_000_000_000 + at * TICK_NS).tolist(),
            price=price[rows],
            values=values[rows],
            places=range(size),
            rejected=[],
            schema=SMALL.version,
        )
        yield features, at.tolist()


def run(loaded: ModelVersion, records: int, size: int) -> tuple[float, float]:
    """Seconds of deciding and of judging, after a tenth to warm up."""
    models = OneModel(loaded)
    judge = Judge(models, SMALL.outputs, LIMITS)
    watch = AlertWatch(LIMITS, SMALL.outputs, models, judge)
    watch.open(0)
    following = Following(loaded.model, loaded.horizon_ms, len(loaded.names), 3, dead_band_bps=0.5)
    spent = [0.0, 0.0]
    for number, (features, offsets) in enumerate(batches(records, size)):
        began = time.perf_counter()
        scores = loaded.score(features.values, features.price)
        answer = Answer(
            loaded.model,
            np.arange(len(features)),
            loaded.decide(features.values, features.price, scores=scores),
            scores,
        )
        decided = time.perf_counter()
        watch.of(features, offsets, [answer])
        passing = Passing(
            features.symbols, np.array(features.ts_ns, np.int64), features.price, np.full(len(features), np.nan)
        )
        outcomes = following.hear(passing, [answer], passed=False)
        if outcomes is not None:
            judge.matured(outcomes)
        if number * size * 10 >= records:
            spent[0] += decided - began
            spent[1] += time.perf_counter() - decided
    return spent[0], spent[1]


def main() -> None:
    """Print a line for each size of batch."""
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    loaded = version().load()
    for size in (1, 10, 100):
        taken = records // 10 if size == 1 else records
        deciding, judging = run(loaded, taken, size)
        each = 1e6 / (0.9 * taken)
        print(
            f"batch of {size}: deciding {deciding * each:.2f} us a record, judging {judging * each:.2f} us, "
            f"{judging / deciding:.1%}"
        )


if __name__ == "__main__":
    main()
