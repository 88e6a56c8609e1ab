"""Judges a version on its test part: every figure with its interval, against members and baselines.

baselines = Baselines.fit(label of the training part, last direction there, 3)
report = evaluate(evaluated, baselines=baselines, target_precision=0.93, threshold=0.81)
if report.better:
    report = with_leaks(report, check(...))          # agents/training/leaks.py
write_report(folder, manifest, report)               # agents/training/report.py
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from agents.training.baselines import DIRECTIONS, Baselines
from agents.training.figures import Group, Importance, Judged, LeakFinding, Report, Tiered
from agents.training.intervals import NOTHING, REPLICATES, Bootstrap, Estimate
from agents.training.scores import brier_scores, calibration_error, log_losses, reliability, scored
from agents.training.tier_curve import curve_of, widest
from agents.training.verdict import judge
from streams.columns import F64, I64

ENSEMBLE: Final = "ensemble"


@dataclass(frozen=True)
class Evaluated:
    """Answers of a version to the n rows of its test part, in the order of time; c classes, k inputs."""

    ts_ns: I64
    symbol: NDArray[np.str_] | NDArray[np.object_]
    label: NDArray[np.int8]
    """-1, 0 or 1 of a direction or barrier; place of the class of another label."""
    return_bps: F64
    """Of the price over the horizon; NaN where it is not known."""
    horizon_ns: int
    members: dict[str, F64]
    """Name -> [n, c] probabilities; NaN in rows that the member did not answer."""
    classes: F64
    """[n, c], the ensemble's final probabilities."""
    probability_up: F64
    confidence: F64
    high: NDArray[np.bool_]
    """Whether the row is in the high tier."""
    inputs: NDArray[np.float32]
    """[n, k]."""
    input_names: tuple[str, ...]
    last_direction: NDArray[np.int8]
    """Sign of the last move of the price before each row."""
    class_names: tuple[str, ...] = DIRECTIONS
    spread_bps: F64 | None = None
    """[n], of the quote at each row; NaN where there is none."""

    def __len__(self) -> int:
        return len(self.ts_ns)

    @property
    def directional(self) -> bool:
        """Whether the classes are down, flat and up."""
        return self.class_names == DIRECTIONS

    @property
    def index(self) -> I64:
        """[n], index of the class that came."""
        return self.label.astype(np.int64) + (1 if self.directional else 0)

    @property
    def calls(self) -> I64:
        """[n], the class that a call of the tier names: the likelier direction; of other labels the likeliest class."""
        if self.directional:
            return np.where(self.classes[:, 2] >= self.classes[:, 0], 2, 0).astype(np.int64)
        return np.asarray(self.classes.argmax(axis=1), np.int64)

    @property
    def score(self) -> F64:
        """[n], probability of the called class: what the tier's threshold is compared with."""
        return np.asarray(np.take_along_axis(self.classes, self.calls[:, None], axis=1)[:, 0])


def evaluate(
    e: Evaluated,
    *,
    baselines: Baselines,
    target_precision: float = 0.93,
    threshold: float | None = None,
    cost_bps: float = 0.0,
    importances: Sequence[Importance] = (),
    looks: int = 1,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Report:
    """The report on `e`.

    `threshold`: least score of the tier, as chosen before; `cost_bps`: of a call besides the spread (fees); `looks`:
    how often this test part has been looked at, this time included.

    Raises:
        ValueError: there is no row, or rows are not in the order of time.
    """
    if not len(e):
        raise ValueError("the test part has no row")
    boot = Bootstrap(e.ts_ns, e.horizon_ns, replicates=replicates, seed=seed)
    label = e.index
    ensemble = Judged(ENSEMBLE, _figures(e, boot, e.classes) | {"ece": calibration_error(boot, *_said(e))})
    hit = e.classes.argmax(axis=1) == label
    others = [_member(e, boot, name, answer) for name, answer in e.members.items()]
    judged = []
    answers = baselines.answers(label, e.last_direction if e.directional else None)
    for name, answer in answers.items():
        figures = {
            "accuracy": boot.mean(answer.right),
            "brier": boot.mean(brier_scores(answer.probabilities, label)),
            "log_loss": boot.mean(log_losses(answer.probabilities, label)),
        }
        less = {
            "accuracy": boot.mean(hit - answer.right),
            "brier": boot.mean(brier_scores(e.classes, label) - brier_scores(answer.probabilities, label)),
            "log_loss": boot.mean(log_losses(e.classes, label) - log_losses(answer.probabilities, label)),
        }
        judged.append(Judged(name, figures, less))
    best = max(judged, key=lambda one: one.figures["accuracy"].value or 0.0).name
    points = curve_of(boot, e.score, e.calls == label)
    groups = (e, boot, hit, answers[best].right)
    report = Report(
        verdict="no better",
        words=(),
        classes=e.class_names,
        rows=len(e),
        horizons=boot.horizons,
        blocks=boot.blocks,
        block_ns=boot.block_ns,
        from_ns=int(e.ts_ns[0]),
        to_ns=int(e.ts_ns[-1]),
        horizon_ns=e.horizon_ns,
        balance={name: float(np.mean(label == at)) for at, name in enumerate(e.class_names)},
        ensemble=ensemble,
        members=tuple(others),
        baselines=tuple(judged),
        best_baseline=best,
        tier=_tier(e, boot, target_precision, threshold, cost_bps),
        curve=points,
        reached=widest(boot, e.score, e.calls == label, target_precision),
        reliability=reliability(boot, *_said(e)),
        by_symbol=_groups(*groups, e.symbol.astype(str)),
        by_day=_groups(*groups, e.ts_ns.astype("datetime64[ns]").astype("datetime64[D]").astype(str)),
        importances=tuple(importances),
        looks=looks,
        seed=seed,
    )
    return judge(report)


def with_leaks(report: Report, findings: Sequence[LeakFinding]) -> Report:
    """The report with what the leak checks saw, and its words again."""
    return judge(msgspec.structs.replace(report, leaks=tuple(findings)))


def _said(e: Evaluated) -> tuple[F64, NDArray[np.bool_], NDArray[np.bool_]]:
    """What was said with which probability, whether it came, and of which rows that may be asked."""
    if e.directional:
        return e.probability_up, e.label > 0, (e.label != 0) & np.isfinite(e.probability_up)
    return e.score, e.calls == e.index, np.ones(len(e), np.bool_)


def _figures(e: Evaluated, boot: Bootstrap, answer: F64, where: NDArray[np.bool_] | None = None) -> dict[str, Estimate]:
    return scored(boot, answer, e.index, where, directional=e.directional)


def _member(e: Evaluated, boot: Bootstrap, name: str, answer: F64) -> Judged:
    there = np.asarray(np.isfinite(answer).all(axis=1), np.bool_)
    known = np.where(there[:, None], answer, 1.0 / answer.shape[1])
    label = e.index
    if not there.any():
        return Judged(name, {"accuracy": NOTHING})
    less = {
        "accuracy": (e.classes.argmax(axis=1) == label) * 1.0 - (known.argmax(axis=1) == label),
        "brier": brier_scores(e.classes, label) - brier_scores(known, label),
        "log_loss": log_losses(e.classes, label) - log_losses(known, label),
    }
    figures = _figures(e, boot, known, there)
    if e.directional:
        moved = known[:, 0] + known[:, 2]
        up = np.divide(known[:, 2], moved, out=np.full(len(e), 0.5), where=moved > 0)
        figures["ece"] = calibration_error(boot, up, e.label > 0, there & (e.label != 0))
    return Judged(name, figures, {key: boot.mean(row, there) for key, row in less.items()})


def _tier(e: Evaluated, boot: Bootstrap, target: float, threshold: float | None, cost_bps: float) -> Tiered:
    if not e.high.any():
        return Tiered(target, threshold, coverage=boot.share(e.high), cost_bps=cost_bps)
    found = Tiered(target, threshold, boot.share(e.calls == e.index, e.high), boot.share(e.high), cost_bps=cost_bps)
    if not e.directional:
        return found
    edge = (e.calls - 1.0) * e.return_bps
    known = e.high & np.isfinite(edge)
    spread = np.zeros(len(e)) if e.spread_bps is None else e.spread_bps
    paid = known & np.isfinite(spread)
    return msgspec.structs.replace(
        found,
        edge_bps=boot.mean(edge, known),
        net_edge_bps=boot.mean(edge - spread - cost_bps, paid),
        spread_known=e.spread_bps is not None and bool(paid.any()),
    )


def _groups(
    e: Evaluated, boot: Bootstrap, hit: NDArray[np.bool_], baseline: F64, key: NDArray[np.str_]
) -> tuple[Group, ...]:
    called = e.calls == e.index
    found = []
    for name in np.unique(key):
        rows = key == name
        found.append(
            Group(
                str(name),
                int(rows.sum()),
                boot.share(hit, rows),
                boot.mean(baseline, rows),
                boot.share(called, rows & e.high),
                boot.share(e.high, rows),
            )
        )
    return tuple(found)
