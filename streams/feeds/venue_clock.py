"""What time it is at a venue, told from its ticks: the time that a live feed's clock marks say has passed."""

from typing import Final

RECENT: Final = 256
"""Ticks that the estimate looks back on."""
LOW: Final = 0.1
"""The quantile of their leads that counts."""
NS_PER_MS: Final = 1_000_000
DEFAULT_SLACK_MS: Final = 2_000


class VenueClock:
    """Estimates the time up to which no tick is to be expected any more: wall clock, plus lead, minus slack.

    The lead of a tick is its event time minus the time of its receipt: the delay of the line, negative, and whatever
    the two clocks differ by; at a feed that is delayed by 15 minutes it is -15 minutes. The lead that counts is the
    lowest tenth of the last 256, so neither one late report nor one tick from the future moves it. The slack covers
    the jitter of the line. What `mark_ns` returns never goes back.
    """

    def __init__(self, slack_ms: int = DEFAULT_SLACK_MS) -> None:
        """`slack_ms`: how much older than the estimate a tick may be and still not behind its mark, in ms."""
        self._slack_ns = slack_ms * NS_PER_MS
        self._leads = [0] * RECENT
        self._seen = 0
        self._latest_ns = 0

    def note(self, ts_ns: int, received_ns: int) -> None:
        """Take a tick into account: its event time, and when it was received by the wall clock."""
        self._leads[self._seen % RECENT] = ts_ns - received_ns
        self._seen += 1

    def lead_ns(self) -> int:
        """Return by how much the ticks lead the wall clock, in nanoseconds; 0 before the first tick."""
        if not self._seen:
            return 0
        leads = sorted(self._leads[: self._seen])
        return leads[int(LOW * len(leads))]

    def mark_ns(self, now_ns: int) -> int:
        """Return the time that has passed at the venue when the wall clock shows `now_ns`, ns since the epoch."""
        self._latest_ns = max(self._latest_ns, now_ns + self.lead_ns() - self._slack_ns)
        return self._latest_ns
