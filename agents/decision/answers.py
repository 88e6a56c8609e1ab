"""What one rung of the ladder decided about some records of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agents.decision.decisions import Decisions
from agents.decision.scores import Scores
from streams.columns import F64

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Answer:
    """n decisions by one model."""

    model: str
    rows: Rows
    """[n], ascending: which records of the batch."""
    decisions: Decisions
    scores: Scores | None = None
    """Of a version."""

    def part(self, which: NDArray[np.bool_]) -> "Answer":
        """The records for which `which` [n] is set."""
        if which.all():
            return self
        places = np.flatnonzero(which)
        d, s = self.decisions, self.scores
        decisions = Decisions(
            probability_up=d.probability_up[places],
            confidence=d.confidence[places],
            action=d.action[places],
            expected_return_bps=d.expected_return_bps[places],
            risk=d.risk[places],
            members=d.members[places],
            weights=d.weights,
            effective_weights=d.effective_weights[places],
            reason=[d.reason[place] for place in places.tolist()],
            names=d.names,
            horizon_ms=d.horizon_ms,
            classes=None if d.classes is None else d.classes[places],
            high=d.high[places],
            fallback=d.fallback[places],
        )
        scores = None if s is None else Scores(s.probabilities[places], s.usable[places], s.able[places], s.errors)
        return Answer(self.model, self.rows[places], decisions, scores)

    def because(self, cause: str) -> "Answer":
        """The same as a lower rung's answer; as it is without a cause."""
        if not cause:
            return self
        n = len(self.rows)
        marked = replace(self.decisions, fallback=np.ones(n, np.bool_), reason=[cause] * n)
        return replace(self, decisions=marked)


def opinions(answers: Sequence[Answer], n: int, members: int, classes: int) -> F64 | None:
    """[n, members, classes]: what members said about n records, NaN where none of `answers` is about one; of rules,
    which have one class, the probability of a rise. None where there are no answers."""
    if not answers:
        return None
    if len(answers) == 1 and len(answers[0].rows) == n:
        return _said(answers[0])
    out = np.full((n, members, classes), np.nan)
    for answer in answers:
        out[answer.rows] = _said(answer)
    return out


def _said(answer: Answer) -> F64:
    return answer.decisions.members[:, :, None] if answer.scores is None else answer.scores.probabilities


def verdicts(answers: Sequence[Answer], n: int) -> F64 | None:
    """[n, 5]: P(up), classes and tier of n records, NaN where none of `answers` is about one; None where there are no
    answers."""
    if not answers:
        return None
    out = np.full((n, 5), np.nan)
    for answer in answers:
        decisions = answer.decisions
        where = slice(None) if len(answer.rows) == n else answer.rows
        out[where, 0] = decisions.probability_up
        if decisions.classes is not None:
            out[where, 1:4] = decisions.classes
        out[where, 4] = decisions.high
    return out
