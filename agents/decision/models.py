"""What the ensemble agent asks of whoever manages model versions: which serves which record, and where it is.

`agents.models.manager.ModelManager` is the real one; `NoModels` is that of a Hayate to which nothing was promoted.
"""

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from agents.decision.decider import Decider

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.decision.version import ModelVersion
    from agents.models.plan import Rollback

TroubleKind = Literal["error", "deadline", "member", "calibration"]


class Assignment(NamedTuple):
    """Which models a record of a partition goes to, each `name@version`."""

    champion: str | None = None
    """Serves; None: the rules do."""
    canary: str | None = None
    """Serves a share of the symbols in the champion's place."""
    canary_share: float = 0.0
    challenger: str | None = None
    """Scores every record, for `signals-shadow` only."""


RULES_ONLY = Assignment()


class Trouble(NamedTuple):
    """What went wrong with a model on one batch; `records` of `of` were touched."""

    kind: TroubleKind
    detail: str
    records: int
    of: int
    offset: int
    """First offset in `features` of the batch."""


class Plan(Protocol):
    """Assignments of one partition by offset: the same at every replay."""

    def at(self, offset: int) -> Assignment:
        """Assignment of the record at `offset`."""

    def changes(self, first: int, last: int) -> list[tuple[int, Assignment]]:
        """Where the assignment changes within the offsets `first` to `last`, both included: (first offset that it
        holds for, assignment), ascending; the first entry is (`first`, `at(first)`)."""

    def rollbacks(self, first: int, last: int) -> "Sequence[Rollback]":
        """The automatic rollbacks that take effect within the offsets `first` to `last`, both included."""


class Models(Protocol):
    """Versions that are loaded, and the plan of who serves. No call waits for anything."""

    def plan(self, partition: int) -> Plan:
        """Plan of one partition."""

    def decider(self, model: str) -> "ModelVersion | None":
        """A loaded version; None while it is missing, corrupt or not loaded yet."""

    def why(self, model: str) -> str:
        """Why `decider` has nothing."""

    def previous(self, partition: int, offset: int) -> str | None:
        """The champion before that of `offset`; None: there was none."""

    def report(self, model: str, partition: int, trouble: Trouble) -> None:
        """A version had trouble; enough of it takes it back."""


class RunningModels(Models, Protocol):
    """Models that begin with the worker and end with it."""

    async def start(self) -> None:
        """Know everything that was promoted so far, before any lane opens."""

    async def stop(self) -> None:
        """Follow no more."""


class FixedPlan:
    """The same assignment, or those of a few offsets, for tests and for a Hayate without models."""

    def __init__(self, *changes: tuple[int, Assignment]) -> None:
        """`changes`: (first offset, assignment), ascending; the rules serve what is before."""
        self._changes = ((0, RULES_ONLY), *changes)

    def at(self, offset: int) -> Assignment:
        """See `Plan.at`."""
        return next(assigned for first, assigned in reversed(self._changes) if first <= offset)

    def changes(self, first: int, last: int) -> list[tuple[int, Assignment]]:
        """See `Plan.changes`."""
        return [(first, self.at(first)), *((at, assigned) for at, assigned in self._changes if first < at <= last)]

    def rollbacks(self, first: int, last: int) -> "Sequence[Rollback]":  # noqa: ARG002 - within any
        """None."""
        return ()


class NoModels:
    """Nothing was promoted: the rules decide."""

    _plan = FixedPlan()

    async def start(self) -> None:
        """Nothing to know."""

    async def stop(self) -> None:
        """Nothing to end."""

    def plan(self, partition: int) -> Plan:  # noqa: ARG002 - of any
        """Rules everywhere."""
        return self._plan

    def decider(self, model: str) -> "ModelVersion | None":
        """None."""

    def why(self, model: str) -> str:
        """It was never promoted."""
        return f"{model} was never promoted"

    def previous(self, partition: int, offset: int) -> str | None:
        """None."""

    def report(self, model: str, partition: int, trouble: Trouble) -> None:
        """Nobody to tell."""


__all__ = ["RULES_ONLY", "Assignment", "Decider", "FixedPlan", "Models", "NoModels", "Plan", "RunningModels", "Trouble"]
