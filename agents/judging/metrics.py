"""What the judge knows, as metrics: worked out at each scrape, not at each record."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from agents.judging.quality import Quality, quality_of

if TYPE_CHECKING:
    from agents.judging.judge import Judge
    from agents.judging.tallies import Tallies

FIGURES: Final = {
    "n": ("hayate_model_outcomes", "Decisions whose horizon has passed; recent ones count less the older they are"),
    "accuracy": ("hayate_model_accuracy", "Share of them whose likeliest class came"),
    "brier": ("hayate_model_brier", "Brier score, summed over the classes"),
    "log_loss": ("hayate_model_log_loss", "Log loss in nats"),
    "ece": ("hayate_model_calibration_error", "Mean distance of P(up) from what came, over the moves, by bins"),
    "coverage": ("hayate_model_high_coverage", "Share of them in the high tier"),
    "precision": ("hayate_model_high_precision", "Share of the high tier that moved as called"),
}
LABELS: Final = ("model", "symbol", "window")
ALL: Final = "all"
OTHER: Final = "other"


class QualityMetrics(Collector):
    """Live quality and drift by model; the judge is given later, and there may be none."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._judge: Judge | None = None
        registry.register(self)

    def watch(self, judge: "Judge") -> None:
        """Show what this judge knows."""
        self._judge = judge

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """For the registry."""
        families = {name: GaugeMetricFamily(*said, labels=LABELS) for name, said in FIGURES.items()}
        drift = GaugeMetricFamily(
            "hayate_model_drift_psi",
            "Population stability index of a model's input, or its P(up), against its training",
            labels=("model", "column"),
        )
        if self._judge is not None:
            for model, tallies in self._judge.judged().items():
                for symbol, window, quality in _qualities(tallies):
                    for name, family in families.items():
                        if not math.isnan(value := getattr(quality, name)):
                            family.add_metric((model, symbol, window), value)
                for column, psi in self._judge.drift(model).items():
                    drift.add_metric((model, column), psi)
        yield from families.values()
        yield drift


def _qualities(tallies: "Tallies") -> Iterable[tuple[str, str, Quality]]:
    cells = {ALL: tallies.ALL, OTHER: tallies.OTHER, **tallies.cells}
    for symbol, cell in cells.items():
        for window, sums in (("recent", tallies.recent), ("start", tallies.whole)):
            quality = quality_of(sums[cell])
            if quality.n > 0.0:
                yield symbol, window, quality
