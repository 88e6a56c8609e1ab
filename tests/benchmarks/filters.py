"""What the filters cost, beside the fold that they stand in front of, in one run:

    python -m tests.benchmarks.filters [--ticks 4000] [--rounds 200]

The default feature set, simulated trades and quotes of one symbol, micro-batches of 1,000, one process, no Kafka. Every
filter is on and every tick passes all of them, which is the dearest case. The two take short turns, round by round, and
are measured in the time of their thread, so that what else the machine does hardly shows; medians, and the median of
the ratio of each round.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from streams.columns import APPLIED, TickColumns
from streams.engine import RealTimeFeatureEngine
from streams.feature_set import FeatureSet
from streams.quality.file import filters_of
from tests.benchmarks.engine import ticks_of, with_hayate

OPEN_NS: Final = 1_743_984_000_000_000_000
"""Monday, 7 April 2025, 9:00 in Tokyo."""
ALL: Final = {
    "future_max_ms": 2_000,
    "reject_duplicates": True,
    "hours_calendar": "XTKS",
    "conditions_deny": ["odd-lot"],
    "price_min": 1e-6,
    "price_max": 1e9,
    "size_min": 1e-9,
    "size_max": 1e12,
    "trade_jump_max_bps": 500,
    "quote_jump_max_bps": 500,
    "reject_zero_sided": True,
    "reject_crossed": True,
    "reject_locked": True,
    "spread_max_bps": 5_000,
}
"""Everything that can be asked for."""


def clean(n: int) -> TickColumns:
    """n ticks with sequence numbers and arrival times, in trading hours."""
    columns = ticks_of(n)
    ts_ns = columns.ts_ns - columns.ts_ns[0] + OPEN_NS
    return replace(columns, ts_ns=ts_ns, arrival_ns=ts_ns + 1_000_000, seq=np.arange(1, len(columns) + 1))


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ticks", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    options = parser.parse_args()
    columns = clean(options.ticks)
    feature_set = FeatureSet.load("default")
    engines = {
        "no filters": RealTimeFeatureEngine(feature_set),
        "all filters": RealTimeFeatureEngine(feature_set, filters=filters_of({"default": ALL})),
    }
    for engine in engines.values():
        block = engine.new_block()
        block.add("X")
        verdicts = engine.fold(block, np.zeros(len(columns), np.int32), columns).verdict
        assert set(verdicts.tolist()) == {APPLIED}, "every tick passes"

    def measured(name: str) -> float:
        began = time.thread_time_ns()
        with_hayate(engines[name], columns, 1_000)
        return (time.thread_time_ns() - began) / len(columns) / 1_000

    rounds = []
    for number in range(options.rounds):
        order = list(engines) if number % 2 == 0 else list(engines)[::-1]
        rounds.append({name: measured(name) for name in order})
    ratio = median(each["all filters"] / each["no filters"] for each in rounds)
    figures = {name: median(each[name] for each in rounds) for name in engines} | {"ratio": ratio}
    for name in engines:
        print(f"{name:12} {figures[name]:7.3f} us/tick")
    print(f"{'ratio':12} {ratio:7.3f}   {options.rounds} rounds of {len(columns)} ticks")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
