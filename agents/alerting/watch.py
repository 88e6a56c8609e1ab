"""Everything that a batch of one partition alerts about: its symbols, its models, and a model that was taken back."""

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from agents.alerting.kinds import AlertLimits
from agents.alerting.rules import AlertRules, rollback
from agents.decision.answers import Answer
from agents.decision.feature_records import FeatureColumns
from agents.decision.models import Models
from streams.records import Alert

encode_alert: Final = msgspec.json.Encoder().encode


class DecisionJudge(Protocol):
    """Who looks at decisions (agents.judging.judge.Judge)."""

    def decided(
        self, partition: int, features: FeatureColumns, offsets: Sequence[int], answers: Sequence[Answer]
    ) -> list[tuple[int, Alert]]:
        """What was decided about a batch."""


class AlertWatch:
    """Of one lane."""

    def __init__(
        self, limits: AlertLimits, outputs: Sequence[str], models: Models, judge: DecisionJudge | None = None
    ) -> None:
        self.rules = AlertRules(limits, outputs)
        self._models = models
        self._judge = judge
        self._partition = -1
        self._behind = -1
        """Offset behind the last batch: one between two batches may hold no record of ours."""

    def open(self, partition: int) -> None:
        """Watch this partition."""
        self._partition = partition

    def of(
        self,
        features: FeatureColumns,
        offsets: Sequence[int],
        answers: Sequence[Answer],
        shadow: Sequence[Answer] = (),
    ) -> list[tuple[int, Alert]]:
        """Place in the batch, ascending, and alert.

        Args:
            features, offsets: n > 0 records and where they stand in `features`.
            answers: the decisions about them; `shadow`: those of a challenger, which is judged but not acted on.
        """
        found = self.rules.of(features, answers)
        begin = offsets[0] if self._behind < 0 else self._behind
        self._behind = offsets[-1] + 1
        for back in self._models.plan(self._partition).rollbacks(begin, offsets[-1]):
            place = next(i for i, offset in enumerate(offsets) if offset >= back.first)
            found.append((place, rollback(features, place, back.role, back.model, back.restored, back.reason)))
        if self._judge is not None:
            found += self._judge.decided(self._partition, features, offsets, [*answers, *shadow])
        if len(found) > 1:
            found.sort(key=lambda one: one[0])
        return found

    def let_go(self, symbols: Sequence[str]) -> None:
        """These symbols leave memory."""
        for symbol in symbols:
            self.rules.memory.forget(symbol)


def part_of(alert: Alert) -> str:
    """What tells the alerts of one record apart."""
    return alert.id.partition("|")[2]
