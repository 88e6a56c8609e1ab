"""What a model must beat: answers that take no model at all.

- `majority`: the commonest class of the training part, always.
- `last direction`: the last move of the price goes on: up after up, down after down, flat where there was none. Not for
  labels that are no direction.
- `random walk`: nothing is known but how often a row of the training part was flat; up and down are as likely as each
  other. Of other labels: each class as often as in the training part. Its accuracy is that of drawing from these
  shares.

For Brier and log loss an answer needs probabilities: `majority` has the shares of the training part, `last direction`
those after the same last direction there.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streams.columns import F64, I64

MAJORITY: Final = "majority"
LAST_DIRECTION: Final = "last direction"
RANDOM_WALK: Final = "random walk"
DIRECTIONS: Final = ("down", "flat", "up")
PRIOR_ROWS: Final = 1.0
"""Rows that each class is thought to have had besides those that were counted: no share is 0."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """Answers of one baseline to n rows."""

    probabilities: F64
    """[n, c], rows sum to 1."""
    right: F64
    """[n]: 1 or 0, or the probability of being right where the answer is drawn."""


@dataclass(frozen=True, slots=True)
class Baselines:
    """What the baselines take from the training part."""

    shares: F64
    """[c], of the classes."""
    after: F64 | None
    """[3, c], of the classes after a last move down, none, up; None where the label is no direction."""

    @classmethod
    def fit(cls, label: I64, last_direction: NDArray[np.int8] | None, classes: int) -> "Baselines":
        """From rows of the training part: `label` [n] index of the class, `last_direction` [n] -1, 0 or 1."""
        after = None
        if last_direction is not None:
            after = np.stack([_shares(label[last_direction == move], classes) for move in (-1, 0, 1)])
        return cls(_shares(label, classes), after)

    def answers(self, label: I64, last_direction: NDArray[np.int8] | None) -> dict[str, Baseline]:
        """Of the rows whose labels and last directions are given."""
        n, classes = len(label), len(self.shares)
        found = {
            MAJORITY: Baseline(np.tile(self.shares, (n, 1)), (label == int(self.shares.argmax())).astype(np.float64))
        }
        walk = self.shares
        if self.after is not None and last_direction is not None and classes == len(DIRECTIONS):
            move = last_direction.astype(np.int64) + 1
            found[LAST_DIRECTION] = Baseline(self.after[move], (label == move).astype(np.float64))
            flat = self.shares[1]
            walk = np.array([(1.0 - flat) / 2.0, flat, (1.0 - flat) / 2.0])
        found[RANDOM_WALK] = Baseline(np.tile(walk, (n, 1)), np.asarray(walk[label], np.float64))
        return found


def _shares(label: I64, classes: int) -> F64:
    counts = np.bincount(label, minlength=classes).astype(np.float64) + PRIOR_ROWS
    return np.asarray(counts / counts.sum())
