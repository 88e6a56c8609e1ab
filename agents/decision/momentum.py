"""The momentum rule: averages that rise now speak for a price that goes on rising."""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from agents.decision.compiled import compiled
from streams.columns import F64

STRENGTH: Final = 1.0
"""Greatest log-odds of the rule: its probability stays within 0.269 and 0.731."""
FLAT: Final = 1e-9
"""Standard deviation over price (0.00001 bps) up to which a market is flat: what is left there is rounding."""


class Momentum:
    """Two slopes, each read off the present: that of MACD's signal line and that of the fast average.

    An exponential average with factor a moved by a / (1 - a) * (x - average) in the last step. So `macd_hist` is four
    times the last step of the signal line (a = 1/5), and `price - ema_12` is 5.5 times that of ema_12 (a = 2/13).

        sd = (bb_upper - bb_lower) / 4                       one standard deviation, in the quote currency
        s  = (cut(2 * macd_hist / sd) + cut((price - ema_12) / (2 * sd))) / 2
        p  = 1 / (1 + exp(-STRENGTH * s)),                   cut(x) = min(max(x, -1), 1)

    s is 1 when the histogram reaches half a standard deviation and the price lies two above its fast average, -1 in the
    mirrored market. Only ratios of price differences enter, so the unit of the price does not matter.

    Warm-up: that of the slowest input (34 trades for macd_hist). Flat market (sd <= FLAT * price): 0.5. An input that
    is not a finite number, or a price that is not positive: NaN.

    Source: Appel, Technical Analysis: Power Tools for Active Investors, 2005 (MACD and its histogram), made
    continuous.
    """

    name: Final = "momentum"
    inputs: Final = ("macd_hist", "ema_12", "bb_upper", "bb_lower")

    def probability_up(self, columns: Mapping[str, F64], price: F64) -> F64:
        """See `Member.probability_up`."""
        out = np.empty(len(price))
        _momentum(tuple(columns[name] for name in self.inputs), price, out)
        return out


@compiled
def _momentum(inputs: tuple[F64, ...], price: F64, out: F64) -> None:
    """The rule of `Momentum`, row by row, from its inputs in their order into `out`."""
    macd_hist, ema_12, upper, lower = inputs
    for i in range(len(out)):
        if not (math.isfinite(macd_hist[i] + ema_12[i] + upper[i] + lower[i] + price[i]) and price[i] > 0.0):
            out[i] = math.nan
            continue
        sd = (upper[i] - lower[i]) / 4.0
        if sd <= FLAT * price[i]:
            out[i] = 0.5
            continue
        signal_slope = min(max(2.0 * macd_hist[i] / sd, -1.0), 1.0)
        price_slope = min(max((price[i] - ema_12[i]) / (2.0 * sd), -1.0), 1.0)
        out[i] = 1.0 / (1.0 + math.exp(-STRENGTH * (signal_slope + price_slope) / 2.0))
