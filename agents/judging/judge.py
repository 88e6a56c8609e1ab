"""The judge: live quality, calibration and drift of every model that answers in this worker, in memory.

Nothing exact rests on it: after a restart it begins anew. It reports to the ModelManager when the calibration of a
version leaves its band, and gives alerts for the lanes to write.
"""

import logging
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from agents.alerting.kinds import CALIBRATION, DRIFT, AlertLimits
from agents.alerting.rules import Numbers, alert
from agents.decision.answers import Answer
from agents.decision.feature_records import FeatureColumns
from agents.decision.models import Models, Trouble
from agents.decision.outcomes import Outcomes
from agents.judging.calibration_band import LEAST_TOLERANCE, USUAL_TOLERANCE, CalibrationBand, Left
from agents.judging.drift import Drifting, DriftWatch
from agents.judging.quality import Quality, quality_of
from agents.judging.tallies import NS_PER_S, Tallies
from streams.columns import F64
from streams.records import Alert

if TYPE_CHECKING:
    from agents.decision.version import ModelVersion

log = logging.getLogger(__name__)

NAMED: Final = 5
"""Columns that an alert of drift has numbers of, the worst first."""
MODELS: Final = 16
"""Models that are judged at a time; of more the one that was heard of longest ago is forgotten."""


class _Judged:
    """What is known of one model."""

    def __init__(
        self, version: "ModelVersion | None", outputs: Sequence[str], limits: AlertLimits, tallies: Tallies
    ) -> None:
        self.tallies = tallies
        self.band: CalibrationBand | None = None
        self.drift: DriftWatch | None = None
        self.place = (-1, -1)
        """Partition and first offset of the last batch that it answered in."""
        self.quiet_until_s = -math.inf
        self.untold: list[Drifting] = []
        self.left: list[Left] = []
        if version is None:
            return
        manifest = version.manifest
        if manifest.label.kind in {"direction", "barrier"}:
            measured = manifest.metrics.get("ece", {}).get("high")
            tolerance = max(LEAST_TOLERANCE, USUAL_TOLERANCE if measured is None else measured)
            promised = manifest.tier.precision_low if manifest.tier.threshold is not None else None
            self.band = CalibrationBand(manifest.label.horizon_ms, tolerance, promised)
        if limits.drift_psi > 0:
            self.drift = DriftWatch(manifest, outputs, limits.drift_psi)


class Judge:
    """Of one worker, for all its partitions."""

    def __init__(
        self,
        models: Models,
        outputs: Sequence[str],
        limits: AlertLimits,
        *,
        rules: str = "",
        symbols: int = 20,
        half_life_s: float = 3_600.0,
    ) -> None:
        """`outputs`: of the feature set; `rules`: the rules' model, of which there is no version to ask for; `symbols`:
        whose quality is told apart, by model; `half_life_s`: of recent outcomes, in event time."""
        self._models = models
        self._outputs = outputs
        self._limits = limits
        self._rules = rules
        self._symbols, self._half_life_s = symbols, half_life_s
        self._judged: dict[str, _Judged] = {}

    def decided(
        self, partition: int, features: FeatureColumns, offsets: Sequence[int], answers: Iterable[Answer]
    ) -> list[tuple[int, Alert]]:
        """What was decided about a batch of n records: the alerts that its last record causes, with its place.

        Args:
            partition, offsets: where the records stand in `features`; offsets [n], ascending.
            features: the records.
            answers: decisions of any models, also those of a challenger.
        """
        alerts: list[tuple[int, Alert]] = []
        for answer in answers:
            judged = self._of(answer.model)
            judged.place = (partition, offsets[0])
            if judged.drift is not None:
                judged.untold += _seen(judged.drift, features, answer)
            if judged.untold or judged.left:
                alerts += self._told(answer.model, judged, features)
        return alerts

    def matured(self, outcomes: Outcomes) -> None:
        """Decisions of one model whose horizon has passed."""
        judged = self._of(outcomes.model)
        judged.tallies.add(outcomes)
        left = None if judged.band is None else judged.band.see(outcomes)
        if left is None:
            return
        log.warning("model %s: %s", outcomes.model, _words(left))
        judged.left.append(left)
        partition, offset = judged.place
        if partition >= 0:
            trouble = Trouble("calibration", _words(left), len(outcomes), len(outcomes), offset)
            self._models.report(outcomes.model, partition, trouble)

    def quality(self, model: str, symbol: str | None = None, *, recent: bool = True) -> Quality:
        """Of a model, of one of its symbols that has figures of its own, or (symbol `other`) of those that have none.

        Raises:
            KeyError: nothing of it has matured here.
        """
        tallies = self._judged[model].tallies
        cell = tallies.ALL if symbol is None else tallies.OTHER if symbol == "other" else tallies.cells[symbol]
        sums: F64 = (tallies.recent if recent else tallies.whole)[cell]
        return quality_of(sums)

    def judged(self) -> dict[str, Tallies]:
        """Model -> its sums."""
        return {model: judged.tallies for model, judged in self._judged.items()}

    def drift(self, model: str) -> dict[str, float]:
        """Column -> population stability index against the training."""
        watch = self._judged[model].drift
        return {} if watch is None else dict(watch.index)

    def _of(self, model: str) -> _Judged:
        judged = self._judged.pop(model, None)
        if judged is None:
            tallies = Tallies(self._symbols, self._half_life_s)
            version = None if model == self._rules else self._models.decider(model)
            judged = _Judged(version, self._outputs, self._limits, tallies)
            if len(self._judged) >= MODELS:
                del self._judged[next(iter(self._judged))]
        self._judged[model] = judged  # last, as the one heard of most recently
        return judged

    def _told(self, model: str, judged: _Judged, features: FeatureColumns) -> list[tuple[int, Alert]]:
        last = len(features) - 1
        now_s = features.ts_ns[last] / NS_PER_S
        alerts = []
        for left in judged.left:
            numbers: Numbers = {left.watched: {"apart": left.apart, "tolerance": left.tolerance, "model": model}}
            alerts.append((last, alert(features, last, CALIBRATION, f"{model}: {_words(left)}", numbers, model)))
        judged.left = []
        if judged.untold and now_s >= judged.quiet_until_s:
            judged.quiet_until_s = now_s + self._limits.quiet_s
            alerts.append((last, _drift_alert(model, judged.untold, features)))
            judged.untold = []
        return alerts


def _seen(watch: DriftWatch, features: FeatureColumns, answer: Answer) -> list[Drifting]:
    up = answer.decisions.probability_up
    if len(answer.rows) == len(features):
        return watch.see(features.symbols, features.ts_ns, features.values, features.price, up)
    places = answer.rows.tolist()
    symbols, times = [features.symbols[place] for place in places], [features.ts_ns[place] for place in places]
    return watch.see(symbols, times, features.values[answer.rows], features.price[answer.rows], up)


def _drift_alert(model: str, drifting: Sequence[Drifting], features: FeatureColumns) -> Alert:
    worst = sorted(drifting, key=lambda one: one.psi / one.limit, reverse=True)
    named = ", ".join(f"{one.column} {one.psi:.2f}" for one in worst[:NAMED])
    more = f" and {len(worst) - NAMED} more" if len(worst) > NAMED else ""
    numbers: Numbers = {
        one.column: {"psi": one.psi, "limit": one.limit, "half_life_s": one.half_life_s, "phase": one.phase}
        for one in reversed(worst[:NAMED])
    }
    message = f"{model}: not distributed as in its training (PSI): {named}{more}"
    return alert(features, len(features) - 1, DRIFT, message, {"model": {"value": model}, **numbers}, model)


def _words(left: Left) -> str:
    return (
        f"its calibration left its band: {left.watched}, {left.apart:+.3f} apart over {left.windows} windows of one "
        f"horizon, allowed are {left.tolerance:.3f}"
    )
