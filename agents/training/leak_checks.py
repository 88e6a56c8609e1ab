"""The leak checks (agents/training/leaks.py) on what a training has at hand."""

import numpy as np

from agents.training.dataset import Dataset
from agents.training.figures import LeakFinding
from agents.training.folding import Fold
from agents.training.leaks import LeakData, check, engine_features
from agents.training.splits import MEMBERS, TEST, Splits
from agents.training.train import LeakCheck
from streams.engine import RealTimeFeatureEngine


def leak_check(engine: RealTimeFeatureEngine, fold: Fold, seed: int) -> LeakCheck:
    """All checks: on the rows of the data, and on the first ticks of the fold."""

    def look(data: Dataset, splits: Splits) -> tuple[LeakFinding, ...]:
        train, test = (np.isin(np.arange(len(data)), splits.parts[name]) for name in (MEMBERS, TEST))
        rows = LeakData(
            ts_ns=data.ts_ns,
            symbol=data.symbol,
            label=data.index,
            inputs=data.matrix,
            train=train,
            test=test,
            horizon_ns=data.horizon_ns,
            classes=len(data.classes),
        )
        outputs = engine.feature_set.outputs
        return check(rows, ticks=fold.first_ticks(), features=engine_features(engine), names=outputs, seed=seed)

    return look
