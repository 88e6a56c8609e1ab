"""Permutation importances: how much worse the answers get when inputs are shuffled between rows (Breiman 2001).

Inputs that are near twins (Spearman's rank correlation beyond `TWINS`) are shuffled together: alone, each would look
idle because the other still tells what it tells.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.training.figures import Importance
from agents.training.intervals import Bootstrap
from agents.training.scores import log_losses
from streams.columns import F64, I64

F32 = NDArray[np.float32]
Predictor = Callable[[F32], F64]
"""Inputs [n, k] -> probabilities [n, c]."""

TWINS: Final = 0.95
ROWS: Final = 2_000
REPEATS: Final = 2


def importances(
    predict: Predictor,
    inputs: F32,
    names: Sequence[str],
    label: I64,
    ts_ns: I64,
    horizon_ns: int,
    *,
    rows: int = ROWS,
    seed: int = 0,
    on_done: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[Importance, ...]:
    """Rise of log loss by group of inputs with its interval, the greatest first.

    `inputs` [n, k], `label` [n] index of the class, in the order of time. At most `rows` rows, evenly taken, are
    asked; rows that `predict` gives no probabilities for are left out. `on_done` is told groups done and in all.
    """
    taken = np.unique(np.linspace(0, len(label) - 1, min(rows, len(label))).astype(np.int64))
    answers = predict(inputs[taken])
    taken = taken[np.isfinite(answers).all(axis=1)]
    if not len(taken):
        return ()
    sample, came = inputs[taken], label[taken]
    before = log_losses(predict(sample), came)
    boot = Bootstrap(ts_ns[taken], horizon_ns, seed=seed)
    groups = twins(sample)
    random = np.random.default_rng(seed)
    found = []
    for done, group in enumerate(groups, start=1):
        after = np.zeros(len(came))
        for _ in range(REPEATS):
            shuffled = sample.copy()
            shuffled[:, group] = sample[random.permutation(len(came))][:, group]
            # A missing value that came into a row may leave it without an answer: then nothing is known there.
            after += log_losses(np.nan_to_num(predict(shuffled), nan=1.0 / answers.shape[1]), came) / REPEATS
        rise = boot.mean(after - before)
        value = rise.value or 0.0
        low, high = (value if end is None else end for end in (rise.low, rise.high))
        found.append(Importance(tuple(names[at] for at in group), value, low, high))
        on_done(done, len(groups))
    return tuple(sorted(found, key=lambda one: -one.rise))


def twins(inputs: F32, beyond: float = TWINS) -> list[list[int]]:
    """Columns of `inputs` [n, k] by groups: two are in one if a chain of near twins joins them."""
    k = inputs.shape[1]
    ranks = np.argsort(np.argsort(inputs, axis=0, kind="stable"), axis=0, kind="stable").astype(np.float64)
    idle = np.nanmax(inputs, axis=0, initial=-np.inf) <= np.nanmin(inputs, axis=0, initial=np.inf)
    ranks -= ranks.mean(axis=0)
    norms = np.linalg.norm(ranks, axis=0)
    near = np.abs(ranks.T @ ranks) >= beyond * np.outer(norms, norms)
    near[idle, :] = near[:, idle] = False
    group = list(range(k))
    for a, b in zip(*np.nonzero(np.triu(near, 1)), strict=True):
        if group[a] != group[b]:
            old, new = group[b], group[a]
            group = [new if one == old else one for one in group]
    return [[at for at in range(k) if group[at] == one] for one in sorted(set(group))]
