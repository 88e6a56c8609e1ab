"""Whether a connection is still alive: told from what is heard while somebody listens."""

from typing import Final

PONG_S: Final = 20.0


class Watchdog:
    """Calls a connection stale when nothing came for `quiet_s`, or no answer to a ping for `pong_s`.

    Only time in which the socket is being read counts: while Kafka is slow nobody reads, and what the venue sent
    waits on the wire. Times are seconds of a monotonic clock, handed in.
    """

    def __init__(self, quiet_s: float, pong_s: float = PONG_S) -> None:
        self._quiet_s = quiet_s
        self._pong_s = pong_s
        self._listening: float | None = None
        self._pinged: float | None = None

    def listens(self, now: float) -> None:
        """The next frame is waited for."""
        self._listening = now

    def heard(self) -> None:
        """A frame came; until `listens` nobody reads."""
        self._listening = None

    def pinged(self, now: float) -> None:
        """A ping was sent. One that is not answered yet counts from when it was sent."""
        if self._pinged is None:
            self._pinged = now

    def ponged(self) -> None:
        """The answer came."""
        self._pinged = None

    def stale(self, now: float) -> str | None:
        """Return what is wrong with the connection, or None."""
        if self._listening is None:
            return None
        if now - self._listening >= self._quiet_s:
            return f"nothing received for {self._quiet_s:g} s"
        if self._pinged is not None and now - max(self._pinged, self._listening) >= self._pong_s:
            return f"no answer to a ping for {self._pong_s:g} s"
        return None
