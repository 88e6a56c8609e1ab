"""The plan of one partition: which models a record at an offset goes to.

A promotion holds from its effective first offset on: the promised one, or the amended one if that is later. Of several
that hold for an offset the last in the log wins, role by role. So the plan of a whole log depends on nothing but the
log, and a replay, which reads all of it first, repeats every switch at its record.

A live worker hears of a promotion while it works. What it has asked the plan about is settled: where a promotion
begins at or before that, the worker goes on as it was, and switches a little later, at an offset that it writes to the
log as an amendment. The first amendment in the log wins. There is a moment between the decision and its
acknowledgement; a batch of records of leeway covers it.
"""

import hashlib
from bisect import bisect_right
from typing import NamedTuple

from agents.decision.models import RULES_ONLY, Assignment
from agents.models.history import Step
from agents.models.records import Amendment, Role

SYMBOL_SPACE = 2.0**64


def canary_takes(symbol: str, share: float) -> bool:
    """Whether a canary with this share of the symbols serves `symbol`: by its SHA-256, so always the same ones, and a
    larger share keeps those of a smaller one."""
    place = int.from_bytes(hashlib.sha256(symbol.encode()).digest()[:8])
    return place < share * SYMBOL_SPACE


class Rollback(NamedTuple):
    """An automatic rollback took effect."""

    first: int
    """First offset that it holds for."""
    role: Role
    model: str
    """That was taken back."""
    restored: str | None
    """None: the rules, or no canary."""
    reason: str


class _Point(NamedTuple):
    """The assignment changes here."""

    first: int
    assignment: Assignment
    champion: Step | None


class PartitionPlan:
    """Plan of one partition (agents.decision.models.Plan)."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.passed = -1
        """Highest offset that was asked about: what was answered up to it is settled."""
        self.asked = 0
        """Batches that were asked about."""
        self._leeway = 1
        self._firsts: dict[str, int] = {}
        """Promotion -> effective first offset."""
        self._written: set[str] = set()
        """Promotions of which an amendment is in the log."""
        self._steps: list[Step] = []
        self._points: list[_Point] = []
        self._offsets: list[int] = []
        self._stale = False
        self._rollbacks: list[Rollback] = []

    def at(self, offset: int) -> Assignment:
        """See `Plan.at`."""
        self.passed = max(self.passed, offset)
        return self.look(offset)

    def changes(self, first: int, last: int) -> list[tuple[int, Assignment]]:
        """See `Plan.changes`."""
        self.passed = max(self.passed, last)
        self.asked += 1
        self._leeway = last - first + 1
        assignments = [(first, self.look(first))]
        begin, end = bisect_right(self._offsets, first), bisect_right(self._offsets, last)
        return assignments + [(point.first, point.assignment) for point in self._points[begin:end]]

    def look(self, offset: int) -> Assignment:
        """The assignment at `offset`, without settling anything."""
        point = self._point(offset)
        return RULES_ONLY if point is None else point.assignment

    def ahead(self, offset: int) -> list[Assignment]:
        """All assignments from `offset` on, without settling anything."""
        now = self.look(offset)
        return [now, *(point.assignment for point in self._points[bisect_right(self._offsets, offset) :])]

    def previous(self, offset: int) -> str | None:
        """The champion before that of `offset`; None: there was none, or the rules."""
        point = self._point(offset)
        return None if point is None or point.champion is None else point.champion.previous

    def rollbacks(self, first: int, last: int) -> list[Rollback]:
        """The automatic rollbacks that take effect within the offsets `first` to `last`, both included."""
        self._build()
        return [rollback for rollback in self._rollbacks if first <= rollback.first <= last]

    def add(self, step: Step) -> Amendment | None:
        """Take a promotion into the plan; the amendment to write where it is too late for it."""
        promotion = step.promotion
        first = promotion.first.get(self.partition)
        if first is None:  # the topic had fewer partitions then
            return None
        amendment = None
        if first <= self.passed:
            first = self.passed + 1 + self._leeway
            amendment = Amendment(promotion=promotion.id, partition=self.partition, first=first)
        self._steps.append(step)
        self._firsts[promotion.id] = first
        self._stale = True
        return amendment

    def amend(self, amendment: Amendment) -> bool:
        """An amendment is in the log. False where another offset has been settled here already: then this worker and
        the log disagree about the records between, which takes two workers that both thought the partition theirs."""
        known = self._firsts.get(amendment.promotion)
        if known is None or amendment.promotion in self._written:
            return True
        self._written.add(amendment.promotion)
        step = next(step for step in self._steps if step.promotion.id == amendment.promotion)
        first = max(step.promotion.first[self.partition], amendment.first)
        if first != known:
            self._firsts[amendment.promotion] = first
            self._stale = True
        return first == known or min(first, known) > self.passed

    def _point(self, offset: int) -> _Point | None:
        self._build()
        place = bisect_right(self._offsets, offset) - 1
        return None if place < 0 else self._points[place]

    def _build(self) -> None:
        if not self._stale:
            return
        self._stale = False
        holding: dict[Role, Step] = {}
        points: dict[int, _Point] = {}
        self._rollbacks = []
        for first, step in sorted((self._firsts[step.promotion.id], step) for step in self._steps):
            role, now = step.promotion.role, holding.get(step.promotion.role)
            if now is None or now.place < step.place:
                holding[role] = step
                if now is not None and step.promotion.automatic and now.promotion.model is not None:
                    promotion = step.promotion
                    self._rollbacks.append(
                        Rollback(first, role, now.promotion.model, promotion.model, promotion.reason)
                    )
            points[first] = _Point(first, _assignment(holding), holding.get("champion"))
        self._points = list(points.values())
        self._offsets = list(points)


def _assignment(holding: dict[Role, Step]) -> Assignment:
    models = {role: step.promotion.model for role, step in holding.items()}
    champion, canary, challenger = (models.get(role) for role in ("champion", "canary", "challenger"))
    if canary == champion:  # it became what it was tried out for
        canary = None
    if challenger in {champion, canary}:
        challenger = None
    share = holding["canary"].promotion.share if canary is not None else 0.0
    return Assignment(champion, canary, share, challenger)
