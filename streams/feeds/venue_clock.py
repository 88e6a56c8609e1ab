"""What time it is at a venue, told from its ticks: the time that a live feed's clock marks say has passed."""

from typing import Final

RECENT: Final = 256
"""Ticks that the estimate looks back on."""
LOW: Final = 0.1
"""The quantile of their leads that counts."""
NS_PER_MS: Final = 1_000_000
DEFAULT_SLACK_MS: Final = 2_000
CATCH_UP_NS: Final = 10_000_000_000
"""For so long after a connection was made, what happened before it is history that the venue sends first."""
STEP_NS: Final = 250_000_000
"""By more than this between two marks the wall clock does not drift: it was set."""


class VenueClock:
    """Estimates the time up to which no tick is to be expected any more: wall clock, plus lead, minus slack.

    The lead of a tick is its event time minus the time of its receipt: the delay of the line, negative, and whatever
    the two clocks differ by; at a feed that is delayed by 15 minutes it is -15 minutes. The lead that counts is the
    lowest tenth of the last 256, so neither one late report nor one tick from the future moves it. The slack covers
    the jitter of the line. What `mark_ns` returns never goes back.

    What a venue sends first may be old: its last trades, the last quote of a symbol that nobody trades. Such ticks say
    nothing of the line, and count only where there are no others: the youngest of them. And when the wall clock is set,
    the venue's time goes on as before, until ten ticks say what it is by the new clock.
    """

    def __init__(self, slack_ms: int = DEFAULT_SLACK_MS) -> None:
        """`slack_ms`: how much older than the estimate a tick may be and still not behind its mark, in ms."""
        self._slack_ns = slack_ms * NS_PER_MS
        self._leads = [0] * RECENT
        self._seen = 0
        self._latest_ns = 0
        self._history_ns: int | None = None
        """The lead of the youngest tick from before the connection."""
        self._catches_up_ns = self._began_ns = 0
        """Until when (of receipt) ticks from before then (of their own time) are history."""
        self._told_ns = 0
        """The lead at the last mark."""
        self._offset_ns: int | None = None
        """The wall clock less the monotonic one at the last mark."""

    def opened(self, now_ns: int) -> None:
        """Take note: a connection delivers from now on (wall clock, nanoseconds)."""
        self._catches_up_ns = now_ns + CATCH_UP_NS
        self._began_ns = now_ns + (self.lead_ns() if self._seen else 0) - self._slack_ns
        self._history_ns = None

    def note(self, ts_ns: int, received_ns: int) -> None:
        """Take a tick into account: its event time, and when it was received by the wall clock."""
        if ts_ns < self._began_ns and received_ns < self._catches_up_ns:
            lead = ts_ns - received_ns
            self._history_ns = lead if self._history_ns is None else max(self._history_ns, lead)
            return
        self._leads[self._seen % RECENT] = ts_ns - received_ns
        self._seen += 1

    def lead_ns(self) -> int:
        """Return by how much the ticks lead the wall clock, in nanoseconds; 0 before the first tick."""
        if not self._seen:
            return self._history_ns or 0
        leads = sorted(self._leads[: self._seen])
        return leads[int(LOW * len(leads))]

    def mark_ns(self, now_ns: int, monotonic_ns: int | None = None) -> int:
        """Return the time that has passed at the venue when the wall clock shows `now_ns`, ns since the epoch.

        `monotonic_ns`: what a clock that is never set shows; without it nobody notices that the wall clock was.
        """
        if monotonic_ns is not None:
            before, self._offset_ns = self._offset_ns, now_ns - monotonic_ns
            if before is not None and abs(self._offset_ns - before) > STEP_NS:
                self._leads[0], self._seen = self._told_ns - (self._offset_ns - before), 1
        self._told_ns = self.lead_ns()
        self._latest_ns = max(self._latest_ns, now_ns + self._told_ns - self._slack_ns)
        return self._latest_ns
