"""Distributions of k columns as they are of late: counts in the bins of a reference, decayed by event time.

Each count loses half with every half-life. The population stability index of a column against its reference is

    PSI = sum over the bins of (q - p) * ln(q / p)

with p the reference's shares and q those of the counts, both kept above zero. By chance alone it is about chi-square
with bins - 1 degrees of freedom, over the effective number of samples (sum of weights)^2 / (sum of squared weights); so
`noise` is what chance explains, but for one look in some ten millions.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from agents.decision.compiled import compiled
from streams.columns import F64
from tables.models.manifest import Drift

LEAST_SHARE: Final = 1e-4
"""Shares of the reference count as at least this."""
FEW: Final = 50.0
"""Effective samples below which nothing is said."""


class Sketch:
    """Of the columns that `references` describe, in their order."""

    def __init__(self, references: Sequence[Drift], half_life_s: float) -> None:
        self.names = tuple(one.input for one in references)
        self._half_life_s = half_life_s
        bins = max(len(one.shares) for one in references)
        k = len(references)
        self._edges = np.full((k, bins - 1), math.inf)
        self._bins = np.array([len(one.shares) for one in references], np.float64)
        self._reference = np.zeros((k, bins))
        for j, one in enumerate(references):
            self._edges[j, : len(one.edges)] = one.edges
            shares = np.maximum(one.shares, LEAST_SHARE)
            self._reference[j, : len(shares)] = shares / shares.sum()
        self._there = self._reference > 0.0
        self._counts = np.zeros((k, bins))
        self._squares = np.zeros(k)
        self._now_s = -math.inf

    def add(self, columns: F64, now_s: float) -> None:
        """Count n rows [n, k] at an event time in seconds; NaN is not counted."""
        if now_s > self._now_s:
            kept = 2.0 ** ((self._now_s - now_s) / self._half_life_s)
            self._now_s = now_s
            self._counts *= kept
            self._squares *= kept * kept
        _count(columns, self._edges, self._counts, self._squares)

    @property
    def samples(self) -> F64:
        """[k]: effective number of samples."""
        total: F64 = self._counts.sum(axis=1)
        return np.divide(total * total, self._squares, out=np.zeros(len(total)), where=self._squares > 0.0)

    def psi(self) -> F64:
        """[k]: the index of each column, NaN with less than FEW effective samples or a reference of one bin."""
        n = self._counts.sum(axis=1, keepdims=True)
        # Half a sample more in each bin: an empty one is no infinity, and weighs the less the more was seen.
        scale = np.maximum(self.samples, 1.0)[:, None]
        shares = np.divide(self._counts, n, out=np.zeros_like(self._counts), where=n > 0.0)
        q = (shares * scale + 0.5) / (scale + 0.5 * self._bins[:, None])
        p = np.where(self._there, self._reference, 1.0)
        index = np.where(self._there, (q - p) * np.log(q / p), 0.0).sum(axis=1)
        return np.where((self.samples >= FEW) & (self._bins > 1), index, math.nan)

    def noise(self) -> F64:
        """[k]: what an index without any drift stays below."""
        freedom = np.maximum(self._bins - 1.0, 1.0)
        return np.asarray((freedom + 2.0 * np.sqrt(16.0 * freedom) + 32.0) / np.maximum(self.samples, 1.0))


@compiled
def _count(columns: F64, edges: F64, counts: F64, squares: F64) -> None:
    """Bin i holds the numbers with exactly i edges at or below them."""
    for i in range(columns.shape[0]):
        for j in range(columns.shape[1]):
            x = columns[i, j]
            if math.isnan(x):
                continue
            low, high = 0, edges.shape[1]
            while low < high:
                middle = (low + high) // 2
                if edges[j, middle] <= x:
                    low = middle + 1
                else:
                    high = middle
            counts[j, low] += 1.0
            squares[j] += 1.0
