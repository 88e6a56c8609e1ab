"""A Prometheus histogram that takes whole batches: one NumPy pass instead of a call per tick."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

GATHERED = 1_000
"""Observations that wait until they are sorted into buckets: at an ordinary rate a batch has one or two."""


class BatchHistogram(Collector):
    """Cumulative histogram per label value; every observation counts, none is sampled."""

    def __init__(self, name: str, documentation: str, label: str, buckets: Sequence[float]) -> None:
        self._name, self._documentation, self._label = name, documentation, label
        self._bounds = np.array(buckets, np.float64)
        self._gathered: dict[str, list[float]] = {}
        self._counts: dict[str, NDArray[np.int64]] = {}
        self._sums: dict[str, float] = {}

    def observe(self, label: str, values: "NDArray[np.float64] | Sequence[float]") -> None:
        """Add observations under one label value."""
        gathered = self._gathered.setdefault(label, [])
        gathered.extend(values)
        if len(gathered) >= GATHERED:
            self._sort(label)

    def _sort(self, label: str) -> None:
        values = np.array(self._gathered[label], np.float64)
        self._gathered[label].clear()
        found = np.searchsorted(self._bounds, values, side="left")
        counts = np.bincount(found, minlength=len(self._bounds) + 1)
        self._counts[label] = counts + self._counts.get(label, 0)
        self._sums[label] = self._sums.get(label, 0.0) + float(values.sum())

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """For the registry."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=[self._label])
        for label in self._gathered:
            self._sort(label)
        for label, counts in self._counts.items():
            bounds = [*(f"{bound:g}" for bound in self._bounds), "+Inf"]
            cumulative = np.cumsum(counts).astype(float).tolist()
            family.add_metric([label], list(zip(bounds, cumulative, strict=True)), self._sums[label])
        yield family
