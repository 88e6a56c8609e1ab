"""Intervals of 95% for figures of overlapping labels: a circular block bootstrap over time.

Labels of neighbouring rows look at almost the same future, and so do those of two symbols at the same moment. So what
is drawn are stretches of time with everything in them (a moving block bootstrap: Kuensch 1989; circular: Politis and
Romano 1992), each several horizons long. Time without rows, such as a night, counts as one horizon. Every figure of a
report is drawn with the same stretches, so the difference of two of them is that of the same rows.

A share (accuracy, precision, coverage) gets Wilson's interval at its *effective* number of rows: as many independent
ones as would vary as much. Another figure gets value ± t * standard error, t having one degree of freedom less than
there are blocks.
"""

import math
from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.columns import F64, I64

Z95: Final = 1.959963984540054
BLOCK_HORIZONS: Final = 4
"""A block's length in horizons: the sum over a shorter one misses much of what neighbours share."""
MANY_BLOCKS: Final = 200
"""Longer blocks are better as long as there are so many of them: they also hold what outlasts the horizon."""
FEW_BLOCKS: Final = 20
"""Where there would be fewer, blocks are shortened, to one horizon at the least."""
CELLS_PER_BLOCK: Final = 4
REPLICATES: Final = 1_000


class Estimate(msgspec.Struct, frozen=True):
    """A figure with its interval of 95%; None where the data do not give it."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    """Rows that it rests on."""
    effective_n: float | None = None
    """Independent rows that would vary as much; None for a figure that is no mean over rows."""

    def __str__(self) -> str:
        if self.value is None:
            return "none"
        return f"{self.value:.4g} [{_text(self.low)}, {_text(self.high)}]"


NOTHING: Final = Estimate(None)


class Bootstrap:
    """One set of drawn stretches of the time of n rows, for all figures of a report."""

    def __init__(self, ts_ns: I64, horizon_ns: int, *, replicates: int = REPLICATES, seed: int = 0) -> None:
        """`ts_ns` [n], ascending; `horizon_ns` > 0, how far the label of a row looks.

        Raises:
            ValueError: the rows are not in the order of time.
        """
        steps = np.diff(ts_ns)
        if len(steps) and steps.min() < 0:
            raise ValueError("rows are not in the order of time: sort them by ts_ns")
        time = np.concatenate(([0], np.cumsum(np.minimum(steps, horizon_ns)))) if len(ts_ns) else np.zeros(0, np.int64)
        span = float(time[-1]) + 1.0 if len(time) else 1.0
        length = max(BLOCK_HORIZONS * horizon_ns, span / MANY_BLOCKS)
        length = min(max(float(horizon_ns), min(length, span / FEW_BLOCKS)), span)
        count = max(1, round(span / length))
        self.blocks = count
        """Stretches that are drawn each time, which together are as long as the data."""
        self.block_ns = round(span / count)
        self.horizons = max(1, int(span / horizon_ns))
        """How often the horizon fits into the time of the rows."""
        cells = count * CELLS_PER_BLOCK
        self._cell = np.minimum((time / span * cells).astype(np.int64), cells - 1)
        self._cells = cells
        starts = np.random.default_rng(seed).integers(0, cells, size=(replicates, count))
        weights = np.zeros((replicates, cells))
        rows = np.arange(replicates)[:, None]
        for step in range(min(CELLS_PER_BLOCK, cells)):
            np.add.at(weights, (rows, (starts + step) % cells), 1.0)
        self._weights = weights

    def sums(self, columns: F64) -> tuple[F64, F64]:
        """Sums of `columns` [n, k] over the rows: as they are [k], and in each replicate [replicates, k]."""
        return self.grouped(np.zeros(len(columns), np.int64), 1, *columns.T)

    def grouped(self, group: I64, groups: int, *columns: F64) -> tuple[F64, F64]:
        """Sums of each of the `columns` [n] in each group: [columns * groups], and in each replicate.

        `group` [n] in [0, groups); rows of group -1 are left out.
        """
        taken = np.flatnonzero(group >= 0)
        code = self._cell[taken] * groups + group[taken]
        size = self._cells * groups
        by_cell = np.hstack([np.bincount(code, column[taken], size).reshape(self._cells, groups) for column in columns])
        return by_cell.sum(axis=0), np.asarray(self._weights @ by_cell)

    def figure(self, sums: tuple[F64, F64], of: Callable[[F64], F64], n: int) -> Estimate:
        """What `of` makes of sums over n rows: [..., k] -> [...], NaN where it has no value."""
        value = float(of(sums[0]))
        spread = self._deviation(of(sums[1]))
        if not math.isfinite(value):
            return Estimate(None, n=n)
        if spread is None:
            return Estimate(value, n=n)
        reach = student95(self.blocks - 1) * spread
        return Estimate(value, value - reach, value + reach, n)

    def mean(self, values: F64, where: NDArray[np.bool_] | None = None) -> Estimate:
        """Mean of `values` [n] over the rows of `where` (all)."""
        taken = np.ones(len(values), np.bool_) if where is None else where
        n = int(taken.sum())
        found = self.figure(self.sums(np.column_stack((np.where(taken, values, 0.0), taken))), ratio, n)
        if found.low is None or found.value is None or found.high is None:
            return found
        error = (found.high - found.low) / 2.0 / student95(self.blocks - 1)
        variance = float(np.var(values[taken]))
        return msgspec.structs.replace(
            found, effective_n=min(n, variance / error**2) if error > 0 and variance > 0 else None
        )

    def share(self, hits: NDArray[np.bool_], where: NDArray[np.bool_] | None = None) -> Estimate:
        """Share of `hits` [n] among the rows of `where` (all): Wilson's interval at the effective number of rows."""
        taken = np.ones(len(hits), np.bool_) if where is None else where
        n = int(taken.sum())
        if n == 0:
            return NOTHING
        total, drawn = self.sums(np.column_stack((hits & taken, taken)).astype(np.float64))
        p = float(total[0] / total[1])
        spread = self._deviation(ratio(drawn))
        # Where all are right or all wrong nothing varies: then each horizon with rows in it is one trial.
        filled = len(np.unique(self._cell[taken])) / self._cells
        independent = float(min(n, max(1.0, filled * self.horizons)))
        if spread is not None and spread > 0:
            independent = min(float(n), p * (1.0 - p) / spread**2)
        low, high = wilson(p, independent, student95(self.blocks - 1))
        return Estimate(p, low, high, n, independent)

    def _deviation(self, drawn: F64) -> float | None:
        found = drawn[np.isfinite(drawn)]
        return float(np.std(found, ddof=1)) if self.blocks > 1 and len(found) > len(drawn) / 2 else None


def ratio(sums: F64) -> F64:
    """First column by second, NaN where that is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1])


def wilson(p: float, n: float, z: float = Z95) -> tuple[float, float]:
    """Wilson's interval of a share p of n > 0 independent rows."""
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def student95(degrees: int) -> float:
    """97.5% point of Student's t, by Cornish and Fisher's expansion; of fewer than 3 degrees as of 3."""
    v, z = max(degrees, 3), Z95
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / v + second / v**2 + third / v**3


def _text(number: float | None) -> str:
    return "?" if number is None else f"{number:.4g}"
