"""Decisions about the records of one partition: groups, ladder, followers; no Kafka."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from agents.decision.answers import Answer
from agents.decision.decider import Decider
from agents.decision.feature_records import FeatureColumns
from agents.decision.following import Following, Passing
from agents.decision.ladder import SLICE, Asked, Ladder
from agents.decision.models import RULES_ONLY, Models
from agents.decision.outcomes import Outcomes
from agents.decision.scores import Scores
from agents.signalling.groups import Group, Stretch, stretches
from agents.signalling.memory import EnsembleMemory
from streams.columns import F64

MID = "mid"
"""Output of a feature set that labels rest on, where there is one."""
NS_PER_MS = 1_000_000


class Judge(Protocol):
    """Who hears what became of decisions (agents.judging.judge.Judge)."""

    def matured(self, outcomes: Outcomes) -> None:
        """Decisions whose horizon has passed."""


class Decided(NamedTuple):
    """What was decided about a batch."""

    answers: list[Answer]
    """By rows of the batch; each row is in exactly one."""
    shadow: list[Answer]
    """Those of the challenger, for what it answered in time."""


class Deciding:
    """One partition's. `memory` decides what outlives the process."""

    def __init__(
        self,
        rules: Decider,
        models: Models,
        ladder: Ladder,
        memory: EnsembleMemory,
        outputs: Sequence[str],
        *,
        dynamic: bool = False,
        judge: Judge | None = None,
    ) -> None:
        """`dynamic`: versions pool their members by weights that follow performance; else their stacker decides."""
        self._rules = rules
        self._models = models
        self._ladder = ladder
        self._memory = memory
        self._mid = outputs.index(MID) if MID in outputs else -1
        self._dynamic = dynamic
        self._judge = judge
        self._followings: dict[str, Following] = {}
        """Of the models that serve, or served and have decisions that wait."""
        self._shadows: dict[str, Following] = {}
        self._assigned = RULES_ONLY
        self._partition = -1

    def open(self, partition: int) -> None:
        """Decide about this partition."""
        self._partition = partition

    def decide(self, features: FeatureColumns, offsets: Sequence[int]) -> Decided:
        """Decide about n records; `offsets` [n], ascending, are theirs in `features`."""
        n = len(features)
        passing = None
        if self._dynamic or self._judge is not None:
            mid = features.values[:, self._mid] if self._mid >= 0 else np.full(n, np.nan)
            passing = Passing(features.symbols, np.array(features.ts_ns, np.int64), features.price, mid)
        answers: list[Answer] = []
        shadow: list[Answer] = []
        for stretch in stretches(self._models, self._partition, offsets, features.symbols):
            for group in stretch.groups:
                step = SLICE if group.rungs or stretch.challenger is not None else len(group.rows)
                for begin in range(0, len(group.rows), step):
                    rows = group.rows[begin : begin + step]
                    where = (self._partition, offsets[int(rows[0])])
                    asked = self._shadow(stretch, features, rows)
                    answers += self._answer(group, features, rows, passing, where)
                    if asked is not None:
                        shadow += self._overheard(asked, rows, passing, where)
        self._forget_unused(offsets[-1])
        return Decided(answers, shadow)

    def let_go(self, symbols: Sequence[str]) -> None:
        """These symbols leave memory."""
        for following in (*self._followings.values(), *self._shadows.values()):
            for symbol in symbols:
                following.forget(symbol)

    def _answer(
        self,
        group: Group,
        features: FeatureColumns,
        rows: NDArray[np.intp],
        passing: Passing | None,
        where: tuple[int, int],
    ) -> list[Answer]:
        """Ask the ladder about some records, and follow what its first rung said."""
        whole = len(rows) == len(features)
        values = features.values if whole else features.values[rows]
        price = features.price if whole else features.price[rows]
        following = self._following(group.rungs) if passing is not None else None
        if following is None or passing is None:
            return [_called(answer, rows) for answer in self._ladder.answer(group.rungs, values, price, where)]
        here = passing if whole else passing.take(rows)
        if self._dynamic and group.rungs:
            self._memory.resume(following, dict.fromkeys(here.symbols))
        passed = False

        def weigh(scores: Scores) -> F64:
            nonlocal passed
            passed = True
            return following.weigh(here, scores.probabilities)

        weigher = weigh if self._dynamic and group.rungs else None
        answers = self._ladder.answer(group.rungs, values, price, where, weigh=weigher)
        own = [answer for answer in answers if answer.model == following.model]
        self._tell(following.hear(here, own, passed=passed))
        for other in self._followings.values():
            if other is not following and other.waiting:
                self._pass_other(other, here)
        return [_called(answer, rows) for answer in answers]

    def _pass_other(self, other: Following, here: Passing) -> None:
        """A model that another has taken over from sees what becomes of its last decisions."""
        places = np.array([i for i, symbol in enumerate(here.symbols) if symbol in other], np.intp)
        if len(places):
            self._tell(other.hear(here.take(places), (), passed=False))

    def _shadow(self, stretch: Stretch, features: FeatureColumns, rows: NDArray[np.intp]) -> Asked | None:
        if stretch.challenger is None:
            return None
        return self._ladder.beside(stretch.challenger, features.values[rows], features.price[rows])

    def _overheard(
        self, asked: Asked, rows: NDArray[np.intp], passing: Passing | None, where: tuple[int, int]
    ) -> list[Answer]:
        heard = self._ladder.heard(asked, where)
        if heard is None:
            return []
        following = self._following((asked.model,), shadow=True) if passing is not None else None
        if following is not None and passing is not None:
            self._tell(following.hear(passing.take(rows), [heard], passed=False))
        return [_called(heard, rows)]

    def _following(self, rungs: Sequence[str], *, shadow: bool = False) -> Following | None:
        """Whoever follows the first rung; None while nobody needs to, or it is not loaded."""
        model = rungs[0] if rungs else self._rules.model
        book = self._shadows if shadow else self._followings
        found = book.get(model)
        if found is not None:
            return found
        if not rungs:
            if self._judge is None:
                return None
            found = Following(model, self._rules.horizon_ms, len(self._rules.names), 1)
        else:
            version = self._models.decider(model)
            if version is None:
                return None
            label = version.manifest.label
            found = Following(
                model,
                version.horizon_ms,
                len(version.names),
                len(version.manifest.classes),
                dead_band_bps=label.dead_band_bps,
                mid=label.price == MID,
                prior=version.weights.copy() if self._dynamic and not shadow else None,
            )
        book[model] = found
        return found

    def _forget_unused(self, offset: int) -> None:
        """Let the followers of models go that do not serve any more and have nothing to wait for."""
        assigned = self._models.plan(self._partition).at(offset)
        if assigned == self._assigned and len(self._followings) <= len(assigned):
            return
        self._assigned = assigned
        serving = {assigned.champion or self._rules.model, assigned.canary}
        for model in [m for m, each in self._followings.items() if m not in serving and not each.waiting]:
            del self._followings[model]
        for model in [m for m in self._shadows if m != assigned.challenger]:
            del self._shadows[model]

    def _tell(self, outcomes: Outcomes | None) -> None:
        if outcomes is not None and self._judge is not None:
            self._judge.matured(outcomes)


def _called(answer: Answer, rows: NDArray[np.intp]) -> Answer:
    """The same, its rows called as those of the batch."""
    if len(rows) and int(rows[0]) == 0 and int(rows[-1]) == len(rows) - 1:
        return answer
    return Answer(answer.model, rows[answer.rows], answer.decisions, answer.scores)
