"""A Prometheus histogram that takes whole batches: one NumPy pass instead of a call per tick."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

FEW = 4
"""Up to so many observations a loop is faster than the arrays."""


class BatchHistogram(Collector):
    """Cumulative histogram per label value; every observation counts, none is sampled."""

    def __init__(self, name: str, documentation: str, label: str, buckets: Sequence[float]) -> None:
        self._name, self._documentation, self._label = name, documentation, label
        self._buckets = list(buckets)
        self._bounds = np.array(buckets, np.float64)
        self._counts: dict[str, NDArray[np.int64]] = {}
        self._sums: dict[str, float] = {}

    def observe(self, label: str, values: "NDArray[np.float64] | Sequence[float]") -> None:
        """Add observations under one label value."""
        if label not in self._counts:
            self._counts[label] = np.zeros(len(self._bounds) + 1, np.int64)
            self._sums[label] = 0.0
        if len(values) <= FEW:
            counts = self._counts[label]
            for value in values:
                counts[bisect_left(self._buckets, value)] += 1
                self._sums[label] += float(value)
            return
        found = np.searchsorted(self._bounds, np.asarray(values, np.float64), side="left")
        self._counts[label] += np.bincount(found, minlength=len(self._bounds) + 1)
        self._sums[label] += float(np.sum(values))

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """For the registry."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=[self._label])
        for label, counts in self._counts.items():
            bounds = [*(f"{bound:g}" for bound in self._bounds), "+Inf"]
            cumulative = np.cumsum(counts).astype(float).tolist()
            family.add_metric([label], list(zip(bounds, cumulative, strict=True)), self._sums[label])
        yield family
