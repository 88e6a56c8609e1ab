"""The trend rule: fast averages above slow ones speak for more of the same."""

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


class Trend:
    """Three distances between a fast and a slow average, in standard deviations of the price.

        sd = (bb_upper - bb_lower) / 4                       one standard deviation, in the quote currency
        s  = (cut((ema_12 - ema_26) / sd) + cut((sma_5 - sma_20) / sd) + cut((sma_20 - sma_50) / sd)) / 3
        p  = 1 / (1 + exp(-STRENGTH * s)),                   cut(x) = min(max(x, -1), 1)

    s is 1 when every fast average lies a standard deviation above its slow one, -1 in the mirrored market. Only ratios
    of price differences enter, so the unit of the price does not matter.

    Warm-up: that of the slowest input (50 trades for sma_50). Flat market (sd <= FLAT * price): 0.5. An input that is
    not a finite number, or a price that is not positive: NaN.

    Source: the moving-average crossover and ribbon of technical analysis (Murphy, Technical Analysis of the Financial
    Markets, 1999), made continuous.
    """

    name: Final = "trend"
    inputs: Final = ("ema_12", "ema_26", "sma_5", "sma_20", "sma_50", "bb_upper", "bb_lower")

    def probability_up(self, columns: Mapping[str, F64], price: F64) -> F64:
        """See `Member.probability_up`."""
        out = np.empty(len(price))
        _trend(tuple(columns[name] for name in self.inputs), price, out)
        return out


@compiled
def _trend(inputs: tuple[F64, ...], price: F64, out: F64) -> None:
    """The rule of `Trend`, row by row, from its inputs in their order into `out`."""
    ema_12, ema_26, sma_5, sma_20, sma_50, upper, lower = inputs
    for i in range(len(out)):
        total = ema_12[i] + ema_26[i] + sma_5[i] + sma_20[i] + sma_50[i] + upper[i] + lower[i] + price[i]
        if not (math.isfinite(total) and price[i] > 0.0):
            out[i] = math.nan
            continue
        sd = (upper[i] - lower[i]) / 4.0
        if sd <= FLAT * price[i]:
            out[i] = 0.5
            continue
        ema = min(max((ema_12[i] - ema_26[i]) / sd, -1.0), 1.0)
        short = min(max((sma_5[i] - sma_20[i]) / sd, -1.0), 1.0)
        long = min(max((sma_20[i] - sma_50[i]) / sd, -1.0), 1.0)
        out[i] = 1.0 / (1.0 + math.exp(-STRENGTH * (ema + short + long) / 3.0))
