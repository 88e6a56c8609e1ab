"""`drawdown` = close / highest price of the session so far - 1."""

from streams.definitions.definition import Claims, Definition, Saved, Trade, near
from streams.definitions.session_start import SessionStart


class Drawdown(Definition):
    """Recursive, anew in every session. Slack: 1e-14, relative."""

    outputs = ("drawdown",)
    by_session = True

    def __init__(self) -> None:
        self._start = SessionStart()
        self._close = self._highest = 0.0
        self.warmup = (1,)

    def take(self, trade: Trade) -> None:
        """One trade or bar."""
        self._highest = trade.high if self._start.begins(trade.session) else max(self._highest, trade.high)
        self._close = trade.close

    def claims(self) -> Claims:
        """The fraction."""
        return (near((self._close - self._highest) / self._highest, 1e-14),)

    def resume(self, saved: Saved) -> None:
        """From session and highest price."""
        if saved.count:
            self._start.session = int(saved.state[0])
        self._highest, self._close = saved.state[1], saved.previous
