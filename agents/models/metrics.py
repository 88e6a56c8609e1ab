"""What is counted about models: who has which role, swaps, and versions that could not be loaded."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from agents.models.history import History
from agents.models.records import ROLES

RULES = "rules"


class ModelMetrics:
    """Of one worker."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.info = Gauge("hayate_model_info", "1 for the model that has a role", ["role", "model"], registry=registry)
        self.swaps = Counter(
            "hayate_model_swaps", "Promotions and rollbacks that this worker took up while it ran", registry=registry
        )
        self.load_errors = Counter(
            "hayate_model_load_errors", "Attempts to load a model that failed", registry=registry
        )

    def show(self, history: History) -> None:
        """Show who has which role by the newest records; without a champion the rules are it."""
        self.info.clear()
        for role in ROLES:
            model = history.now(role) or (RULES if role == "champion" else None)
            if model is not None:
                self.info.labels(role, model).set(1)
