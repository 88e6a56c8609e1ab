"""`session_time`: seconds since the session's open, and the phase: 0 closed, 1 open, 2 break."""

from streams.definitions.definition import NAN, Claim, Claims, Definition, Moment, same


class SessionTime(Definition):
    """The newest tick, by the calendar. Slack: the last digit."""

    outputs = ("session_seconds", "session_phase")
    on = "tick"
    by_session = True

    def __init__(self) -> None:
        self._since, self._phase = NAN, 0
        self.warmup, self.memory = (1, 1), 1

    def take_moment(self, moment: Moment) -> None:
        """One tick."""
        self._since, self._phase = moment.since_open, moment.phase

    def claims(self) -> Claims:
        """Seconds and phase."""
        return same(self._since), Claim(float(self._phase))
