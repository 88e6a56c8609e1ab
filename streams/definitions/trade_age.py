"""`trade_age`: seconds of event time since the last trade."""

from streams.definitions.definition import NAN, Claims, Definition, Moment, same


class TradeAge(Definition):
    """The newest tick. Slack: the last digit."""

    outputs = ("trade_age",)
    on = "tick"

    def __init__(self) -> None:
        self._age = NAN
        self.warmup, self.memory = (1,), 1

    def take_moment(self, moment: Moment) -> None:
        """One tick."""
        self._age = moment.since_trade

    def claims(self) -> Claims:
        """Seconds."""
        return (same(self._age),)
