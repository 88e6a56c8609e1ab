"""Synthetic markets whose future is known: one with a planted signal, and a random walk."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from agents.training.dataset import Dataset, dataset_of
from agents.training.folding import Fold, Sampling
from agents.training.ticks import ticks_of_files
from streams.engine import RealTimeFeatureEngine
from streams.export.labels import LabelSpec
from streams.export.selection import FIRST_NS, LAST_NS
from streams.feature_set import FeatureSet
from streams.quality.rules import NO_FILTERS
from streams.records import Tick

STEP_NS = 100_000_000
START_NS = 1_700_000_000 * 10**9
HORIZON_NS = STEP_NS
FEATURES = FeatureSet.of("small", "queue_imbalance", "ret_1", "ret_10", "rsi_14", "spread", "mid", "zscore_50")


def market(n: int, *, planted: bool, seed: int = 1, symbols: Sequence[str] = ("AAA", "BBB")) -> list[Tick]:
    """`n` ticks of each symbol, one in 100 ms, each a quote and a trade.

    The mid goes a step up or down, or stays. Planted: up with 97% where four fifths and more of the quantity was bid,
    down where less than one fifth was, else it stays. Otherwise the quantities say nothing.
    """
    random = np.random.default_rng(seed)
    ticks = []
    for place, symbol in enumerate(symbols):
        bid_share = random.random(n)
        move = random.choice((-1, 0, 1), n, p=(0.2, 0.6, 0.2))
        if planted:
            sure = random.random(n) < 0.97
            move = np.where(bid_share > 0.8, np.where(sure, 1, -1), np.where(bid_share < 0.2, np.where(sure, -1, 1), 0))
        mid = 20_000 + np.concatenate(([0], np.cumsum(move[:-1])))
        side = random.random(n) < 0.5
        ticks += [
            Tick(
                symbol=symbol,
                ts_ns=START_NS + i * STEP_NS + place * 1_000,
                price=float(mid[i] + (0.5 if side[i] else -0.5)) / 100,
                size=1.0,
                bid=float(mid[i] - 0.5) / 100,
                ask=float(mid[i] + 0.5) / 100,
                bid_size=round(1_000 * float(bid_share[i])) + 1.0,
                ask_size=round(1_000 * float(1 - bid_share[i])) + 1.0,
                side="buy" if side[i] else "sell",
            )
            for i in range(n)
        ]
    return sorted(ticks, key=lambda tick: tick.ts_ns or 0)


def folded(ticks: Iterable[Tick], sampling: Sampling = Sampling(), features: FeatureSet = FEATURES) -> Fold:  # noqa: B008
    """Those ticks through the worker's fold."""
    fold = Fold(RealTimeFeatureEngine(features), sampling)
    for decoded in ticks_of_files([ticks], filters=NO_FILTERS, references=features.references):
        fold.take(decoded)
    return fold


def training_set(
    ticks: Iterable[Tick],
    spec: LabelSpec = LabelSpec(HORIZON_NS),  # noqa: B008 - frozen
    sampling: Sampling = Sampling(),  # noqa: B008 - frozen
    features: FeatureSet = FEATURES,
) -> Dataset:
    """The training set of those ticks."""
    return dataset_of(folded(ticks, sampling, features), features, spec, start_ns=FIRST_NS, end_ns=LAST_NS)


def write(path: Path, ticks: Iterable[Tick]) -> Path:
    """A file of those ticks, JSON lines."""
    path.write_bytes(b"".join(msgspec.json.encode(tick) + b"\n" for tick in ticks))
    return path
