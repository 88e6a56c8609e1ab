"""What a report holds: the figures of a version on its test part, for `report.json` and the page."""

from typing import Literal

import msgspec

from agents.training.intervals import NOTHING, Estimate

Verdict = Literal["better", "no better", "too few", "leak"]


class Judged(msgspec.Struct, frozen=True):
    """One who answered: the ensemble, a member, a baseline. Figures that do not apply to it are not there."""

    name: str
    figures: dict[str, Estimate]
    """`accuracy`, `balanced_accuracy`, `brier`, `log_loss`, `auc`, `ece`."""
    less: dict[str, Estimate] = {}
    """Of a member or a baseline: the ensemble's `accuracy`, `brier` and `log_loss` less its own, on the same rows."""


class Group(msgspec.Struct, frozen=True):
    """The rows of a symbol, or of a day (UTC)."""

    key: str
    n: int
    accuracy: Estimate
    baseline: Estimate
    """Accuracy of the best baseline of the whole report on these rows."""
    precision: Estimate
    """Of the calls of the high tier."""
    coverage: Estimate


class Point(msgspec.Struct, frozen=True):
    """A point of the curve of precision against coverage."""

    threshold: float
    coverage: float
    calls: int
    precision: Estimate


class Bin(msgspec.Struct, frozen=True):
    """Rows with a like probability: what was said, and what came."""

    said: float
    came: Estimate


class Importance(msgspec.Struct, frozen=True):
    """How much log loss rises when inputs are shuffled between rows: those that are near twins together."""

    inputs: tuple[str, ...]
    rise: float
    low: float
    high: float


class LeakFinding(msgspec.Struct, frozen=True):
    """What one leak check saw."""

    check: str
    passed: bool | None
    """None: it could not tell."""
    words: str


class Tiered(msgspec.Struct, frozen=True):
    """The high tier as it was chosen before the test part was seen."""

    target: float
    threshold: float | None
    precision: Estimate = NOTHING
    coverage: Estimate = NOTHING
    edge_bps: Estimate = NOTHING
    """Mean return of a call in its direction over the horizon, in bps, before any cost."""
    net_edge_bps: Estimate = NOTHING
    """The same less the spread at the call (paid once for in and out together) and `cost_bps`."""
    cost_bps: float = 0.0
    spread_known: bool = False


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The judgement of a version."""

    verdict: Verdict
    words: tuple[str, ...]
    """Sentences made of the figures, the most important first."""
    classes: tuple[str, ...]
    rows: int
    horizons: int
    """How often the horizon fits into the time of the rows."""
    blocks: int
    """Stretches that the bootstrap draws, and how long each is."""
    block_ns: int
    from_ns: int
    to_ns: int
    horizon_ns: int
    balance: dict[str, float]
    """Class -> share of the rows."""
    ensemble: Judged
    members: tuple[Judged, ...]
    baselines: tuple[Judged, ...]
    best_baseline: str
    tier: Tiered
    curve: tuple[Point, ...]
    reached: Point | None
    """Widest coverage at which the curve is at or above the target, read off afterwards."""
    reliability: tuple[Bin, ...]
    by_symbol: tuple[Group, ...]
    by_day: tuple[Group, ...]
    importances: tuple[Importance, ...] = ()
    leaks: tuple[LeakFinding, ...] = ()
    looks: int = 1
    """How often this test part has been looked at, this time included."""
    seed: int = 0

    @property
    def better(self) -> bool:
        """Whether accuracy or log loss beats every baseline by more than the interval: leaks are to be looked for."""
        right = all((one.less["accuracy"].low or 0.0) > 0.0 for one in self.baselines)
        return right or all((one.less["log_loss"].high or 0.0) < 0.0 for one in self.baselines)

    def metrics(self) -> dict[str, dict[str, float | None]]:
        """For the manifest."""
        found = {
            **self.ensemble.figures,
            "tier_precision": self.tier.precision,
            "tier_coverage": self.tier.coverage,
            "tier_edge_bps": self.tier.edge_bps,
            "tier_net_edge_bps": self.tier.net_edge_bps,
        }
        for baseline in self.baselines:
            if baseline.name == self.best_baseline:
                found["accuracy_over_baseline"] = baseline.less["accuracy"]
        return {name: {"value": e.value, "low": e.low, "high": e.high} for name, e in found.items()}
