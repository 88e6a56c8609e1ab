"""Standard scores: (value - mean) / population deviation (divisor n) of the last n."""

from math import sqrt

from streams.definitions.definition import UNDEFINED, Claim, Definition, near
from streams.definitions.windows import Window, deviations


class Score(Definition):
    """Window of values. Slack: 1e-9, relative to the larger of 1 and the score."""

    def __init__(self, n: int) -> None:
        self.window = Window(n)
        self.warmup, self.memory = (n,), n

    def score(self) -> Claim:
        """Of the newest value; none where all are equal."""
        if min(self.window) == max(self.window):
            return UNDEFINED
        distances, variance = deviations(list(self.window))
        return near(distances[-1] / sqrt(variance), 1e-9, 1e-9)
