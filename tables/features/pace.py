"""When the writer rests between two flushes: while a backlog goes through."""

from typing import Final

from tables.features.keys import NS

WINDOW_S: Final = 1.0
"""How long event times are compared with the clock before it is said whether they run faster."""
FASTER: Final = 2.0
REST_S: Final = 0.1


class Pace:
    """Flush after flush without a rest serves a live market best. In a backlog nobody reads what is overtaken within
    moments, and gathered for a while the latest values of a symbol are written once for many seconds of its history."""

    def __init__(self) -> None:
        self._newest_ns = 0
        self._from: tuple[float, int] | None = None
        self._behind = False

    def rest_s(self, ts_ns: int, now_s: float) -> float:
        """Seconds to rest after a flush whose last record has event time `ts_ns`, at `now_s` of the monotonic clock."""
        self._newest_ns = max(self._newest_ns, ts_ns)
        if self._from is None:
            self._from = (now_s, self._newest_ns)
        began_s, began_ns = self._from
        if now_s - began_s >= WINDOW_S:
            self._behind = self._newest_ns - began_ns > FASTER * (now_s - began_s) * NS
            self._from = (now_s, self._newest_ns)
        return REST_S if self._behind else 0.0
