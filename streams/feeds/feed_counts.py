"""What a live feed counts: for its summary lines and its metrics."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class FeedCounts:
    """Counters of one feed since its start. Keys of the counters are short fixed words."""

    venue: str
    frames: int = 0
    """Frames received."""
    trades: int = 0
    """Ticks with a price."""
    quotes: int = 0
    """Ticks without."""
    non_ticks: Counter[str] = field(default_factory=Counter)
    """Kind -> known messages that are no ticks."""
    unreadable: Counter[str] = field(default_factory=Counter)
    """Reason -> messages that are unknown or malformed."""
    filtered: Counter[str] = field(default_factory=Counter)
    """Reason -> ticks that a filter kept back."""
    lost: Counter[str] = field(default_factory=Counter)
    """Reason -> connections that ended or could not be made; each is followed by another attempt."""
    gaps: Counter[str] = field(default_factory=Counter)
    """Reason -> gap marks written."""
    clock_marks: int = 0
    """Seconds for which a clock mark was written."""
    connected: bool = False
    lag_count: int = 0
    """Ticks acknowledged whose time of receipt is known."""
    lag_total_s: float = 0.0
    """Sum of their times from receipt to acknowledgement."""
    lag_max_s: float = 0.0

    @property
    def ticks(self) -> int:
        """Ticks received."""
        return self.trades + self.quotes

    def note_lags(self, lags_s: list[float]) -> None:
        """Take times from receipt to acknowledgement into account."""
        self.lag_count += len(lags_s)
        self.lag_total_s += sum(lags_s)
        self.lag_max_s = max(self.lag_max_s, *lags_s)

    def line(self, *, sent: int, acknowledged: int, queued: int, conflated: int) -> str:
        """Return the account in one line; what never happened is left out."""
        parts = [f"{self.frames} frames, {self.trades} trades, {self.quotes} quotes"]
        parts += _words("filtered", self.filtered) + _words("other messages", self.non_ticks)
        parts += _words("unreadable", self.unreadable) + _words("connections lost", self.lost)
        parts += _words("gap marks", self.gaps)
        if conflated:
            parts.append(f"{conflated} quotes conflated")
        parts.append(f"{sent} sent, {acknowledged} acknowledged, {queued} queued")
        if self.lag_count:
            mean_ms, max_ms = 1e3 * self.lag_total_s / self.lag_count, 1e3 * self.lag_max_s
            parts.append(f"lag mean {mean_ms:.1f} ms, max {max_ms:.1f} ms")
        if not self.connected:
            parts.append("not connected")
        return f"{self.venue}: {', '.join(parts)}"


def _words(what: str, counter: Counter[str]) -> list[str]:
    total = counter.total()
    if not total:
        return []
    return [f"{total} {what} ({', '.join(f'{name} {count}' for name, count in sorted(counter.items()))})"]
