"""When a sum over the session begins anew."""


class SessionStart:
    """Tells the first step of each session; what is outside of any belongs to the one before."""

    def __init__(self) -> None:
        self.session: int | None = None
        """Start of the session that is under way, None before the first step."""

    def begins(self, session: int) -> bool:
        """Whether a step in `session` (0: outside of any) is the first of its session."""
        if self.session is not None and session in {0, self.session}:
            return False
        self.session = session
        return True
