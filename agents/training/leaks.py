"""Leak checks: whether a good figure was earned, or the future was read.

1. *Shuffled labels.* Blocks of labels change places over all rows, then a fast member is trained and asked as before.
   It must fall to the baseline: if it does not, rows of the test part (or ones that share their labels) were trained
   on.
2. *Shifted features.* With the inputs of one horizon later beside them the answers must get better, or they knew them
   already; so it is also seen that the check can tell. Inputs of one horizon earlier must not be better than the
   present ones, or labels stand at the wrong rows.
3. *Future ticks.* The ticks after a moment are cut off, or changed, and replayed: the features up to it must keep every
   bit (freqtrade's look-ahead analysis compares in this way).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from agents.training.figures import LeakFinding
from agents.training.importances import F32, Predictor
from agents.training.intervals import Bootstrap, Estimate
from agents.training.scores import log_losses
from streams.columns import APPLIED, F64, I64
from streams.engine import RealTimeFeatureEngine
from streams.records import Tick

Trainer = Callable[[F32, I64], Predictor]
"""Inputs [n, k] and index of the class [n] -> what answers."""
Features = Callable[[Sequence[Tick]], F64]
"""n ticks in the order of the log -> features after each [n, k], NaN after one that was not folded."""

SHUFFLED: Final = "shuffled labels"
FUTURE: Final = "features from the future"
PAST: Final = "features from the past"
TICKS: Final = "future ticks"
SHUFFLES: Final = 3
BLOCK_HORIZONS: Final = 5
LEAST_BLOCKS: Final = 20
BY_HEART: Final = 5
MOMENTS: Final = (0.35, 0.65, 0.9)
MOST_ROWS: Final = 40_000
MOST_TICKS: Final = 20_000


@dataclass(frozen=True)
class LeakData:
    """n rows in the order of time."""

    ts_ns: I64
    symbol: NDArray[Any]
    label: I64
    """Index of the class, in [0, classes)."""
    inputs: F32
    train: NDArray[np.bool_]
    """Rows that members may learn from."""
    test: NDArray[np.bool_]
    horizon_ns: int
    classes: int = 3

    def rows(self, taken: I64) -> "LeakData":
        """Some of them."""
        return replace(
            self,
            ts_ns=self.ts_ns[taken],
            symbol=self.symbol[taken],
            label=self.label[taken],
            inputs=self.inputs[taken],
            train=self.train[taken],
            test=self.test[taken],
        )


def check(
    data: LeakData,
    *,
    train: Trainer | None = None,
    ticks: Sequence[Tick] = (),
    features: Features | None = None,
    names: Sequence[str] = (),
    seed: int = 0,
) -> tuple[LeakFinding, ...]:
    """All checks. `ticks` and `features` (with `names` [k]) are for the last one, which is left out without them.

    `train`: None for a small LightGBM, which where labels are shuffled has leaves so small that it learns by heart.

    Raises:
        ImportError: the extra `train` is missing, and `train` is not given.
    """
    if len(data.ts_ns) > MOST_ROWS:
        data = data.rows(np.linspace(0, len(data.ts_ns) - 1, MOST_ROWS).astype(np.int64))
    by_heart = train or fast_trainer(data.classes, seed, least=BY_HEART)
    found = [
        shuffled_labels(by_heart, data, seed=seed),
        *shifted_features(train or fast_trainer(data.classes, seed), data, seed=seed),
    ]
    if features is not None and len(ticks):
        found.append(future_ticks(features, ticks[:MOST_TICKS], names, seed=seed))
    return tuple(found)


def shuffled_labels(train: Trainer, data: LeakData, *, seed: int = 0) -> LeakFinding:
    """Check 1."""
    random = np.random.default_rng(seed)
    gains = []
    for _ in range(SHUFFLES):
        shuffled = replace(data, label=_blocks_moved(data, random))
        gains.append(_hits_gained(train, shuffled, seed))
    least = min(gains, key=lambda gain: -np.inf if gain.low is None else gain.low)
    if least.low is not None and least.low > 0.0:
        return LeakFinding(
            SHUFFLED,
            False,
            f"labels that were shuffled are still foretold: right more often than the majority by {least}. Rows of the "
            "test part, or ones that share their labels, were trained on: look at the split, its purge, doubled rows.",
        )
    return LeakFinding(
        SHUFFLED, True, f"labels that were shuffled are not foretold: right more often than the majority by {least}."
    )


def shifted_features(train: Trainer, data: LeakData, *, seed: int = 0) -> tuple[LeakFinding, LeakFinding]:
    """Check 2, both ways."""
    later, earlier = _shifted(data, data.horizon_ns), _shifted(data, -data.horizon_ns)
    kept = (later >= 0) & (earlier >= 0)
    # Training rows whose later inputs stand among the rows of the test part are left out.
    kept &= ~(data.train & data.test[later])
    rows = np.flatnonzero(kept)
    there = data.rows(rows)
    if not there.train.any() or not there.test.any():
        unknown = "there are too few rows to shift the features"
        return LeakFinding(FUTURE, None, unknown), LeakFinding(PAST, None, unknown)
    present = _loss(train, there, there.inputs)
    both = _loss(train, there, np.hstack((there.inputs, data.inputs[later[rows]])))
    past = _loss(train, there, data.inputs[earlier[rows]])
    skill = _gain(there, _baseline_loss(there), present, seed)
    stale = _gain(there, _baseline_loss(there), past, seed)
    return _future(skill, _gain(there, present, both, seed)), _past(stale, _gain(there, present, past, seed))


def future_ticks(features: Features, ticks: Sequence[Tick], names: Sequence[str], *, seed: int = 0) -> LeakFinding:
    """Check 3."""
    random = np.random.default_rng(seed)
    whole = features(ticks)
    guilty: set[str] = set()
    for part in MOMENTS:
        moment = int(len(ticks) * part)
        told = whole[:moment]
        changed = [*ticks[:moment], *(_changed(tick, float(random.uniform(0.9, 1.1))) for tick in ticks[moment:])]
        for other in (features(ticks[:moment]), features(changed)[:moment]):
            differs = (told.view(np.int64) != other.view(np.int64)) & ~(np.isnan(told) & np.isnan(other))
            guilty |= {names[at] if at < len(names) else str(at) for at in np.flatnonzero(differs.any(axis=0)).tolist()}
    if guilty:
        shown = ", ".join(sorted(guilty)[:10])
        return LeakFinding(TICKS, False, f"features change with ticks that come after them: {shown}.")
    return LeakFinding(
        TICKS,
        True,
        f"no feature of {whole.shape[1]} changes with ticks after it ({len(ticks):,} ticks, cut and changed).",
    )


def engine_features(engine: RealTimeFeatureEngine) -> Features:
    """The worker's own fold, from fresh rows."""

    def features(ticks: Sequence[Tick]) -> F64:
        folded = engine.run(ticks)
        return np.where((folded.verdict == APPLIED)[:, None], folded.values, np.nan)

    return features


def fast_trainer(classes: int, seed: int = 0, *, least: int = 50) -> Trainer:
    """A small LightGBM: as quick to find a leak as any member. `least`: rows of a leaf.

    Raises:
        ImportError: the extra `train` is missing.
    """
    from lightgbm import LGBMClassifier  # noqa: PLC0415 - of the extra

    def train(inputs: F32, label: I64) -> Predictor:
        model = LGBMClassifier(
            n_estimators=60,
            num_leaves=max(15, 750 // least),
            min_child_samples=least,
            learning_rate=0.1,
            random_state=seed,
            n_jobs=1,
            deterministic=True,
            verbosity=-1,
        )
        model.fit(inputs, label)
        columns = np.asarray(model.classes_, np.int64)

        def predict(rows: F32) -> F64:
            found = np.zeros((len(rows), classes))
            found[:, columns] = model.predict_proba(rows)
            return found

        return predict

    return train


def _future(skill: Estimate, gain: Estimate) -> LeakFinding:
    if gain.low is not None and gain.low > 0.0:
        words = f"the inputs of one horizon later would help: log loss lower by {gain}. So they are not known already."
        return LeakFinding(FUTURE, True, words)
    if skill.low is not None and skill.low > 0.0:
        return LeakFinding(
            FUTURE,
            False,
            f"better than the baseline (log loss lower by {skill}), and the inputs of one horizon later add nothing "
            f"({gain}): what they hold is known already. An input, or its time, comes from the future.",
        )
    return LeakFinding(FUTURE, None, f"the inputs of one horizon later would not help either ({gain}).")


def _past(skill: Estimate, gain: Estimate) -> LeakFinding:
    # Where nothing can be foretold one of the two is the better by how little it learnt by heart.
    if gain.low is not None and gain.low > 0.0 and skill.low is not None and skill.low > 0.0:
        return LeakFinding(
            PAST,
            False,
            f"the inputs of one horizon earlier are better than the present ones: log loss lower by {gain}. Labels or "
            "inputs stand at the wrong rows.",
        )
    return LeakFinding(PAST, True, f"the inputs of one horizon earlier are no better: gain in log loss {gain}.")


def _loss(train: Trainer, data: LeakData, inputs: F32) -> F64:
    """[n]: log loss in the rows of the test part of what learnt from those of the training part, 0 elsewhere."""
    answers = train(inputs[data.train], data.label[data.train])(inputs[data.test])
    return _at_test(data, log_losses(answers, data.label[data.test]))


def _hits_gained(train: Trainer, data: LeakData, seed: int) -> Estimate:
    """Accuracy in the test part less that of the commonest class of the training part: what is learnt by heart is too
    sure of itself for a log loss to show it."""
    label = data.label[data.test]
    majority = int(np.bincount(data.label[data.train]).argmax())
    answers = train(data.inputs[data.train], data.label[data.train])(data.inputs[data.test])
    boot = Bootstrap(data.ts_ns[data.test], data.horizon_ns, seed=seed)
    return boot.mean((answers.argmax(axis=1) == label) * 1.0 - (label == majority))


def _baseline_loss(data: LeakData) -> F64:
    counts = np.bincount(data.label[data.train], minlength=data.classes) + 1.0
    shares = np.tile(counts / counts.sum(), (int(data.test.sum()), 1))
    return _at_test(data, log_losses(shares, data.label[data.test]))


def _at_test(data: LeakData, losses: F64) -> F64:
    found = np.zeros(len(data.ts_ns))
    found[data.test] = losses
    return found


def _gain(data: LeakData, worse: F64, better: F64, seed: int) -> Estimate:
    """How much lower the second losses are."""
    boot = Bootstrap(data.ts_ns[data.test], data.horizon_ns, seed=seed)
    return boot.mean((worse - better)[data.test])


def _blocks_moved(data: LeakData, random: np.random.Generator) -> I64:
    """Labels whose blocks of time changed places within each symbol: neighbours still share what they shared."""
    found = data.label.copy()
    for symbol in np.unique(data.symbol):
        rows = np.flatnonzero(data.symbol == symbol)
        apart = max(1.0, float(np.median(np.diff(data.ts_ns[rows])))) if len(rows) > 1 else 1.0
        length = int(np.clip(BLOCK_HORIZONS * data.horizon_ns / apart, 1, max(1, len(rows) // LEAST_BLOCKS)))
        blocks = [rows[start : start + length] for start in range(0, len(rows), length)]
        order = random.permutation(len(blocks))
        found[rows] = data.label[np.concatenate([blocks[at] for at in order])]
    return found


def _shifted(data: LeakData, by_ns: int) -> I64:
    """[n]: the last row of the same symbol whose time is not after the row's time + `by_ns`, -1 where there is none.

    Later inputs of the last rows would be those of the end of the data: they have none.
    """
    found = np.full(len(data.ts_ns), -1, np.int64)
    for symbol in np.unique(data.symbol):
        rows = np.flatnonzero(data.symbol == symbol)
        times = data.ts_ns[rows]
        at = np.searchsorted(times, times + by_ns, side="right") - 1
        covered = (at >= 0) & (times + by_ns <= times[-1])
        found[rows] = np.where(covered, rows[np.maximum(at, 0)], -1)
    return found


def _changed(tick: Tick, by: float) -> Tick:
    prices = {name: value * by for name in ("price", "bid", "ask") if (value := getattr(tick, name)) is not None}
    return msgspec.structs.replace(tick, **prices, size=tick.size * 3.0 + 1.0)
