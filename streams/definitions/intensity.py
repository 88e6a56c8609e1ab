"""`intensity_tau`: every event adds 1 / tau, and what there is fades by exp(-dt / tau)."""

from math import exp, isnan

from streams.definitions.definition import Claims, Definition, Moment, Saved, near

FADED = 1e-200


class Intensity(Definition):
    """Recursive. Slack: 1e-10, relative."""

    outputs = ("tick_intensity", "trade_intensity")
    on = "tick"
    on_gap = "decay"

    def __init__(self, tau: float) -> None:
        self._tau = tau
        self._ticks = self._trades = 0.0
        self.warmup = (1, 1)

    def take_moment(self, moment: Moment) -> None:
        """One tick."""
        kept = 1.0 if isnan(moment.dt) else exp(-moment.dt / self._tau)
        self._ticks = self._ticks * kept + 1 / self._tau
        self._trades = self._trades * kept + moment.is_trade / self._tau

    def claims(self) -> Claims:
        """Of ticks and of trades, per second."""
        return near(self._ticks, 1e-10), near(self._trades, 1e-10, FADED)

    def resume(self, saved: Saved) -> None:
        """From both."""
        self._ticks, self._trades = saved.state[:2]
