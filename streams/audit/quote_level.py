"""Which middles of quotes are believed: the rule of docs/filters.md under "Jumps", once more and in plain words.

Which ticks were rejected is in `ticks-rejected`. That a quote was left out of its trade because its middle jumped is
not: to know it, the level that quotes are compared with has to be followed.
"""

from dataclasses import dataclass

from streams.quality.rules import QualityRules


@dataclass
class QuoteLevel:
    """Of one symbol."""

    reference: float | None = None
    """Mean of the middles that were believed; None before the first."""
    candidate: float = 0.0
    """The last middle that was too far away."""
    agreeing: int = 0
    """How many such in a row agree, up to the last one; 0: the last one was near."""
    far_since_ns: int = 0
    """Time of the first of them since one was near."""

    def takes(self, ts_ns: int, middle: float, rules: QualityRules) -> bool:
        """Whether a middle is believed; it is remembered in any case. `ts_ns`: the tick's own event time."""
        most = rules.quote_jump_max_bps
        if most is None:
            return True
        if self.reference is None:
            self._settle(middle)
            return True
        if abs(middle - self.reference) * 1e4 <= most * self.reference:
            weight = 2.0 / (rules.jump_span_ticks + 1.0)
            self._settle(self.reference + weight * (middle - self.reference))
            return True
        if not self.agreeing:
            self.far_since_ns = ts_ns
        agrees = self.agreeing and abs(middle - self.candidate) * 1e4 <= rules.jump_agree_bps * self.candidate
        self.agreeing = self.agreeing + 1 if agrees else 1
        self.candidate = middle
        waited = rules.jump_rearm_s is not None and ts_ns - self.far_since_ns > rules.jump_rearm_s * 1e9
        if waited or self.agreeing >= rules.jump_rearm_ticks:
            self._settle(middle)
            return True
        return False

    def _settle(self, reference: float) -> None:
        self.reference, self.agreeing = reference, 0
