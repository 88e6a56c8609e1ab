"""What a feed did, in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Report:
    """The account of one run: `read = sent + filtered`, and nothing is lost while `sent = acknowledged`."""

    read: int
    """Ticks taken from the source."""
    sent: int
    """Ticks handed to the producer."""
    acknowledged: int
    """Ticks that the broker confirmed."""
    seconds: float
    """From the start to the last acknowledgement."""
    stopped: bool
    """Told to stop before the source ended."""
    filtered: Mapping[str, int] = field(default_factory=dict)
    """Reason -> ticks that a filter kept back."""
    skipped: int = 0
    """Lines of the input that were no ticks."""
    max_lag_ms: float = 0.0
    """The most that a tick was handed on after it was due; 0 where nothing is paced."""
    mean_lag_ms: float = 0.0
    """Mean of these delays."""

    @property
    def rate(self) -> float:
        """Acknowledged ticks per second."""
        return self.acknowledged / self.seconds if self.seconds > 0 else 0.0

    def __str__(self) -> str:
        kept = "".join(f", {count} filtered ({reason})" for reason, count in sorted(self.filtered.items()))
        bad = f", {self.skipped} bad lines skipped" if self.skipped else ""
        lag = f", lag mean {self.mean_lag_ms:.1f} ms, max {self.max_lag_ms:.1f} ms" if self.max_lag_ms else ""
        return (
            f"{self.read} ticks read{bad}{kept}, {self.sent} sent, {self.acknowledged} acknowledged "
            f"in {self.seconds:.2f} s ({self.rate:,.0f}/s){lag}{', stopped' if self.stopped else ''}"
        )
