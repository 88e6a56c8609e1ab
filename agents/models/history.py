"""The promotions in the order of their log: which of them hold, and what each replaced."""

from typing import NamedTuple

from agents.models.records import Promotion, Role


class Step(NamedTuple):
    """A promotion that holds."""

    place: int
    """Among those that hold."""
    promotion: Promotion
    before: "Step | None"
    """What its role was before; of a promotion that takes one back, what was before the one it brought back."""

    @property
    def previous(self) -> str | None:
        """The last other model that had the role before; None: there was none."""
        step = self.before
        while step is not None and step.promotion.model == self.promotion.model:
            step = step.before
        return None if step is None else step.promotion.model


class History:
    """Folds promotions. The same log gives the same steps, whoever reads it."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.newest: dict[Role, Step] = {}
        """Role -> its last step."""
        self._ids: set[str] = set()

    def add(self, promotion: Promotion) -> Step | None:
        """The step that it is; None where it does not hold: it is there already, or takes back what is not the newest
        of its role any more."""
        if promotion.id in self._ids:
            return None
        self._ids.add(promotion.id)
        before = self.newest.get(promotion.role)
        if promotion.answers is not None:
            if before is None or before.promotion.id != promotion.answers:
                return None
            restored = before.before
            while restored is not None and restored.promotion.model != promotion.model:
                restored = restored.before
            before = None if restored is None else restored.before
        step = Step(len(self.steps), promotion, before)
        self.steps.append(step)
        self.newest[promotion.role] = step
        return step

    def now(self, role: Role) -> str | None:
        """The model that has the role by the newest record; None: none."""
        step = self.newest.get(role)
        return None if step is None else step.promotion.model
