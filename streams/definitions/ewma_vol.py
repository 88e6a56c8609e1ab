"""`ewma_vol_d` = sqrt(sum d^i r_i^2 / sum d^i) over all logarithmic returns, i being 0 for the newest."""

from math import isnan, log, sqrt

from streams.definitions.definition import NAN, Claims, Definition, Saved, Trade, near
from streams.definitions.windows import log_return

FADED = 1e-200


class EwmaVol(Definition):
    """Recursive. Slack: 1e-10, relative."""

    outputs = ("ewma_vol",)

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._squares = self._weights = 0.0
        self._last = NAN
        # RiskMetrics' effective number of returns at a tolerance of one per cent.
        self.warmup = (1 + max(int(log(0.01) / log(decay)), 1),)

    def take(self, trade: Trade) -> None:
        """One trade or bar."""
        if not isnan(self._last):
            self._squares = self._decay * self._squares + log_return(self._last, trade.close) ** 2
            self._weights = self._decay * self._weights + 1
        self._last = trade.close

    def claims(self) -> Claims:
        """The volatility per step."""
        if not self._weights or 0 < self._squares < FADED:
            return (None,)
        return (near(sqrt(self._squares / self._weights), 1e-10),)

    def resume(self, saved: Saved) -> None:
        """From the mean square and the sum of weights, which the row holds times 1 - d."""
        self._last = saved.previous
        self._weights = saved.state[1] / (1 - self._decay)
        self._squares = saved.state[0] * self._weights
