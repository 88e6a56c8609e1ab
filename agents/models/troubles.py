"""When a new model is taken back: enough of its batches had trouble."""

import math
from collections import deque
from typing import Final

from agents.decision.models import Trouble, TroubleKind

BATCHES: Final = 100
SECONDS: Final = 60.0
WEIGHTS: Final[dict[TroubleKind, int]] = {"error": 1, "member": 1, "deadline": 1, "calibration": 1_000_000}
"""Calibration has been judged over many records before it is reported (docs/signals.md): once is enough."""
DEADLINE_S: Final = 2.0
"""Broken deadlines count once in so many seconds: after one the breaker is open for a second, in which no batch waits
for the model and each reports it, and a machine that stood still for a moment is no fault of the model."""


class Troubles:
    """Of one promotion."""

    def __init__(self, allowed: int) -> None:
        """`allowed`: troubled batches that are too many; 0: never."""
        self._allowed = allowed
        self._recent: deque[tuple[float, int, int]] = deque()
        self._deadline_at = -math.inf

    def too_many(self, trouble: Trouble, now_s: float, batch: int) -> bool:
        """Take one more; whether it is enough. `batch`: how many batches there were so far.

        A trouble counts while it is among the last `BATCHES` batches or `SECONDS` seconds, and if it touched half of
        the records of its batch.
        """
        if not self._allowed or 2 * trouble.records < trouble.of:
            return False
        if trouble.kind == "deadline":
            if now_s - self._deadline_at < DEADLINE_S:
                return False
            self._deadline_at = now_s
        recent = self._recent
        recent.append((now_s, batch, WEIGHTS[trouble.kind]))
        while recent[0][0] < now_s - SECONDS and recent[0][1] <= batch - BATCHES:
            recent.popleft()
        return sum(weight for *_, weight in recent) >= self._allowed
