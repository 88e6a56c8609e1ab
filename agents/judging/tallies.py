"""Sums over outcomes from which every figure of a model's quality follows, recent and since the start.

A cell is the sums of one model, or of one symbol of it:

    0 answered   1 scored   2 right   3 Brier   4 log loss   5 high   6 high and right
    then for each of BINS equal bins of P(up): moves, sum of P(up), of them up

Recent sums lose half with every half-life of event time that passes between outcomes of the cell.

Figures are those of the training's report: with classes the likeliest one is right or not, Brier is the sum over the
classes of (probability - came)^2, log loss -ln of the probability of what came; a decision without classes (the rules)
is scored on moves only, with the two classes 1 - P(up) and P(up). A high call is right if its direction came.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.decision.compiled import compiled
from agents.decision.outcomes import Outcomes
from streams.columns import F64, I64

BINS: Final = 10
FLOOR: Final = 1e-6
"""Least probability in a log loss."""
ANSWERED, SCORED, RIGHT, BRIER, LOG_LOSS, HIGH, HIGH_RIGHT, MOVES = range(8)
WIDTH: Final = MOVES + 3 * BINS
NS_PER_S: Final = 1e9


class Tallies:
    """Of one model: the first cell is of all symbols, the second of those without one of their own."""

    ALL: Final = 0
    OTHER: Final = 1

    def __init__(self, symbols: int, half_life_s: float) -> None:
        """`symbols`: how many have a cell of their own, the first that come."""
        self._half_life_s = half_life_s
        self._most = symbols
        self.cells: dict[str, int] = {}
        """Symbol -> its cell."""
        self.recent = np.zeros((2, WIDTH))
        self.whole = np.zeros((2, WIDTH))
        self._seen = np.full(2, -math.inf)

    def add(self, outcomes: Outcomes) -> None:
        """Count n outcomes of this model."""
        cells = np.array([self._cell(symbol) for symbol in outcomes.symbols], np.int64)
        _add(
            self.recent,
            self.whole,
            self._seen,
            cells,
            outcomes.ts_ns / NS_PER_S,
            np.ascontiguousarray(outcomes.probability_up),
            np.ascontiguousarray(outcomes.classes),
            np.ascontiguousarray(outcomes.high),
            outcomes.label,
            self._half_life_s,
        )

    def _cell(self, symbol: str) -> int:
        cell = self.cells.get(symbol)
        if cell is not None:
            return cell
        if len(self.cells) >= self._most:
            return self.OTHER
        cell = self.cells[symbol] = len(self.whole)
        self.recent = np.concatenate([self.recent, np.zeros((1, WIDTH))])
        self.whole = np.concatenate([self.whole, np.zeros((1, WIDTH))])
        self._seen = np.append(self._seen, -math.inf)
        return cell


@compiled
def _add(  # noqa: PLR0912 - one pass, and a compiled function calls no other
    recent: F64,
    whole: F64,
    seen: F64,
    cells: I64,
    ts_s: F64,
    up: F64,
    classes: F64,
    high: NDArray[np.bool_],
    label: NDArray[np.int8],
    half_life_s: float,
) -> None:
    """The sums of the module's docstring."""
    one = np.zeros(WIDTH)
    for i in range(len(cells)):
        p = up[i]
        if math.isnan(p):
            continue
        one[:] = 0.0
        one[0] = 1.0
        came = int(label[i]) + 1
        if not math.isnan(classes[i, 0]):
            own, square, likeliest = classes[i, came], 0.0, 0
            for c in range(3):
                square += classes[i, c] * classes[i, c]
                if classes[i, c] > classes[i, likeliest]:
                    likeliest = c
            one[1], one[2], one[3] = 1.0, 1.0 if likeliest == came else 0.0, square - 2.0 * own + 1.0
            one[4] = -math.log(max(own, FLOOR))
            call = 2 if classes[i, 2] >= classes[i, 0] else 0
        else:
            call = 2 if p > 0.5 else 0
            if came != 1:
                own = p if came == 2 else 1.0 - p
                one[1], one[2], one[3] = 1.0, 1.0 if call == came else 0.0, 2.0 * (1.0 - own) * (1.0 - own)
                one[4] = -math.log(max(own, FLOOR))
        if high[i]:
            one[5], one[6] = 1.0, 1.0 if call == came else 0.0
        if came != 1:
            at = MOVES + 3 * min(int(p * BINS), BINS - 1)
            one[at], one[at + 1], one[at + 2] = 1.0, p, 1.0 if came == 2 else 0.0
        for turn in range(2):
            cell = 0 if turn == 0 else cells[i]
            passed = ts_s[i] - seen[cell]
            if passed > 0.0:
                kept = 2.0 ** (-passed / half_life_s) if seen[cell] > -math.inf else 0.0
                seen[cell] = ts_s[i]
                for w in range(WIDTH):
                    recent[cell, w] *= kept
            for w in range(WIDTH):
                recent[cell, w] += one[w]
                whole[cell, w] += one[w]
