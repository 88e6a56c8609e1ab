"""Models in memory, and versions that hang, raise or give no numbers around a real one."""

import math
import threading
from dataclasses import dataclass, field, replace
from typing import Any

from agents.decision.decisions import Decisions
from agents.decision.models import FixedPlan, Plan, Trouble
from agents.decision.scores import Scores
from agents.decision.version import ModelVersion
from streams.columns import F64


@dataclass
class FakeModels:
    """agents.decision.models.Models, as a dictionary."""

    loaded: dict[str, Any] = field(default_factory=dict)
    """Model -> version, or what behaves like one."""
    assigned: FixedPlan = field(default_factory=FixedPlan)
    before: str | None = None
    troubles: list[tuple[str, Trouble]] = field(default_factory=list)

    def add(self, version: Any) -> str:
        """Load a version; its model."""
        self.loaded[version.model] = version
        return str(version.model)

    def plan(self, partition: int) -> Plan:  # noqa: ARG002 - the same for all
        """The plan."""
        return self.assigned

    def decider(self, model: str) -> ModelVersion | None:
        """What was added."""
        return self.loaded.get(model)

    def why(self, model: str) -> str:
        """Nobody added it."""
        return f"{model}: the registry is away"

    def previous(self, partition: int, offset: int) -> str | None:  # noqa: ARG002 - the same for all
        """The champion before."""
        return self.before

    def report(self, model: str, partition: int, trouble: Trouble) -> None:  # noqa: ARG002 - of any
        """Remember."""
        self.troubles.append((model, trouble))

    @property
    def kinds(self) -> list[tuple[str, str]]:
        """Model and kind of what was reported."""
        return [(model, trouble.kind) for model, trouble in self.troubles]


class Wrapped:
    """A real version under another name, with a fault to come."""

    def __init__(self, version: ModelVersion, model: str = "wrapped@1") -> None:
        self._version = version
        self.model = model
        self.manifest = version.manifest
        self.names = version.names
        self.horizon_ms = version.horizon_ms
        self.weights = version.weights
        self.calls = 0

    def score(self, values: F64, price: F64) -> Scores:
        """As the version."""
        self.calls += 1
        return self._version.score(values, price)

    def decide(self, values: F64, price: F64, **more: Any) -> Decisions:
        """As the version."""
        return self._version.decide(values, price, **more)


class Hanging(Wrapped):
    """Hangs while `hangs` is set."""

    def __init__(self, version: ModelVersion, model: str = "hanging@1") -> None:
        super().__init__(version, model)
        self.free = threading.Event()

    def score(self, values: F64, price: F64) -> Scores:
        """Wait until it may go on."""
        self.calls += 1
        self.free.wait()
        return self._version.score(values, price)


class Raising(Wrapped):
    """Raises."""

    def score(self, values: F64, price: F64) -> Scores:  # noqa: ARG002 - the version's
        """Raise."""
        self.calls += 1
        raise RuntimeError("out of memory in a node")


class Silenced(Wrapped):
    """Its first `members` members give NaN."""

    members = 1

    def score(self, values: F64, price: F64) -> Scores:
        """Without them."""
        scores = super().score(values, price)
        probabilities = scores.probabilities.copy()
        probabilities[:, : self.members] = math.nan
        return replace(scores, probabilities=probabilities)
