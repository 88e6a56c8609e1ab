"""How long a training takes, phase by phase:

    python -m tests.benchmarks.training [--ticks 1000000] [--quick]

The default feature set, a simulated market of 20 symbols with quotes and trades, all five members and the stacker with
the defaults of `faust -A app train`, no Kafka. Seconds by the clock, so nothing else should run.
"""

import argparse
import json
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Final

from agents.training.dataset import dataset_of
from agents.training.folding import Fold, Sampling
from agents.training.options import Training
from agents.training.ticks import ticks_of_files
from agents.training.train import train
from streams.engine import RealTimeFeatureEngine
from streams.export.labels import LabelSpec
from streams.export.selection import FIRST_NS, LAST_NS
from streams.feature_set import FeatureSet
from streams.feeds.simulator import simulate
from streams.quality.rules import NO_FILTERS

START_NS: Final = 1_743_984_000_000_000_000
HORIZON_NS: Final = 1_000_000_000
SYMBOLS: Final = 20
RATE: Final = 200.0
QUICK_ROWS: Final = 20_000


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ticks", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true", help="as `train --quick`")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    options = parser.parse_args()
    feature_set = FeatureSet.load("default")
    engine = RealTimeFeatureEngine(feature_set)
    engine.warm_up()
    sampling = Sampling(max_rows=QUICK_ROWS) if options.quick else Sampling()
    ticks = islice(simulate(SYMBOLS, RATE, seed=1, start_ns=START_NS), options.ticks)
    figures: dict[str, float] = {}
    last = ("ticks and fold", time.perf_counter())

    def step(what: str) -> None:
        nonlocal last
        now = time.perf_counter()
        name = last[0].partition(",")[0]
        figures[name] = figures.get(name, 0.0) + now - last[1]
        last = (what, now)

    fold = Fold(engine, sampling)
    for decoded in ticks_of_files([ticks], filters=NO_FILTERS):
        fold.take(decoded)
    step("labels")
    spec = LabelSpec(HORIZON_NS)
    data = dataset_of(fold, feature_set, spec, start_ns=FIRST_NS, end_ns=LAST_NS)
    trained = train(data, feature_set, Training("bench", spec, quick=options.quick), on_step=step)
    step("end")
    for name, seconds in figures.items():
        print(f"{name:28} {seconds:8.1f} s")
    print(f"{'all':28} {sum(figures.values()):8.1f} s   {options.ticks:,} ticks, {len(data):,} rows")
    print(trained.report.words[0])
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
