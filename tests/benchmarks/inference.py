"""Decisions of a trained ensemble, beside the answers of the libraries that trained it, in one run:

    python -m tests.benchmarks.inference [--rounds 30] [--batches 1,10,100]

The default ensemble as `faust -A app train` makes it (LightGBM, XGBoost, random forest, logistic regression, MLP, and a
stacker on top), fitted on a made-up market of the default feature set; one thread. Contestants take turns, round by
round, on the same records, with ten batches a turn; medians in microseconds a batch, and the ratio to ours in the same
round.

- `hayate`: `ModelVersion.decide`: features in, signals' columns out, that is inputs, members, stacker, calibration,
  expected return, risk.
- `onnx members`: the five sessions alone.
- `libraries`: LightGBM's and XGBoost's own predict, scikit-learn's predict_proba of the forest, NumPy for the layers
  of the logistic regression and the MLP; members only, without stacker, inputs ready.

The members' answers are compared before anything is timed.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from agents.decision.inputs import InputMatrix
from streams.feature_set import FeatureSet
from tests.models import Made, market, version

ROWS = 12_000
"""Ticks of the made-up market, some three hours."""
TURN = 10
"""Batches: the first of a turn pays for the caches that another contestant has filled."""
PARITY = 1e-5
"""Largest difference of a probability between an ONNX file and the library that trained it."""


def contestants(made: Made, size: int) -> dict[str, Callable[[], object]]:
    """What is timed, on the same `size` records."""
    model = made.load()
    model.warm_up()
    values, price = market(made.feature_set, rows=ROWS, seed=1)
    values, price = values[-size:].copy(), price[-size:].copy()
    matrix = InputMatrix(made.feature_set.outputs, made.manifest.inputs)(values, price)
    members = made.fitted[: len(model.names)]
    scores = model.score(values, price)
    for j, own in enumerate(members):
        if (worst := np.abs(own.probabilities(matrix) - scores.probabilities[:, j]).max()) > PARITY:
            sys.exit(f"{model.names[j]}: {worst:g} apart")
    return {
        "hayate": lambda: model.decide(values, price),
        "onnx members": lambda: model.score(values, price),
        "libraries": lambda: [own.probabilities(matrix) for own in members],
    }


def timed(call: Callable[[], object]) -> float:
    """Microseconds of one call."""
    begun = time.perf_counter()
    call()
    return (time.perf_counter() - begun) * 1e6


def run(made: Made, size: int, rounds: int) -> dict[str, dict[str, float]]:
    """Medians of one batch size."""
    runs = contestants(made, size)
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, call in runs.items():
            taken[name].append(median(timed(call) for _ in range(TURN)))
    return {
        name: {
            "us_a_batch": round(median(times), 1),
            "us_a_record": round(median(times) / size, 2),
            "to_ours": round(median(t / ours for t, ours in zip(times, taken["hayate"], strict=True)), 2),
        }
        for name, times in taken.items()
    }


def main() -> None:
    """One table, and the numbers as JSON on the last line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--batches", default="1,10,100")
    arguments = parser.parse_args()
    with threadpool_limits(1):
        made = version(FeatureSet.load("default"), quick=False, rows=ROWS)
        print(f"{len(made.manifest.inputs)} inputs, {sum(map(len, made.files.values())) / 1e6:.1f} MB of models")
        found = {size: run(made, size, arguments.rounds) for size in map(int, arguments.batches.split(","))}
    for size, rows in found.items():
        print(f"\nbatch of {size}{'us a batch':>30}{'us a record':>14}{'to ours':>10}")
        for name, row in rows.items():
            print(f"  {name:<24}{row['us_a_batch']:>14}{row['us_a_record']:>14}{row['to_ours']:>10}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
