"""A made market and a version's answers to it, for tests of the judgement."""

import numpy as np

from agents.training.baselines import Baselines
from agents.training.evaluation import Evaluated

SECOND_NS = 10**9
START_NS = 1_723_161_254 * SECOND_NS
HORIZON = 20
BAND = 2.0


def answers(n: int = 6_000, *, signal: float = 1.0, seed: int = 1, symbols: tuple[str, ...] = ("A", "B")) -> Evaluated:
    """A random walk of one step a second whose move over the horizon is seen with noise; `signal` 0: not at all."""
    random = np.random.default_rng(seed)
    path = np.cumsum(random.normal(size=n + HORIZON + 1))
    returns = (path[HORIZON + 1 :] - path[1:-HORIZON]).astype(np.float64)
    label = ((returns > BAND).astype(np.int8) - (returns < -BAND).astype(np.int8)).astype(np.int8)
    seen = signal * returns / np.sqrt(HORIZON) + random.normal(size=n) * 0.5
    up = 1.0 / (1.0 + np.exp(-2.5 * seen))
    move = np.clip(0.45 + 0.5 * np.abs(seen), 0.0, 0.97) if signal else np.full(n, 0.66)
    classes = np.column_stack(((1.0 - up) * move, 1.0 - move, up * move))
    return Evaluated(
        ts_ns=START_NS + np.arange(n) * SECOND_NS,
        symbol=np.array([symbols[at % len(symbols)] for at in range(n)]),
        label=label,
        return_bps=returns,
        horizon_ns=HORIZON * SECOND_NS,
        members={"sure": classes, "idle": np.full((n, 3), 1.0 / 3.0)},
        classes=classes,
        probability_up=up,
        confidence=np.abs(classes[:, 2] - classes[:, 0]),
        high=np.maximum(classes[:, 0], classes[:, 2]) >= 0.8,
        inputs=np.column_stack((seen, random.normal(size=n))).astype(np.float32),
        input_names=("seen", "noise"),
        last_direction=np.sign(path[1 : n + 1] - path[:n]).astype(np.int8),
    )


def baselines(evaluated: Evaluated) -> Baselines:
    """Of a training part with the same shares."""
    return Baselines.fit(evaluated.index, evaluated.last_direction, 3)
