"""The mean-reversion rule: a price at its band, with an extreme RSI, speaks for the way back."""

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


class MeanReversion:
    """How far the price has stretched towards a Bollinger band, and RSI towards an extreme.

        sd      = (bb_upper - bb_lower) / 4                     one standard deviation, in the quote currency
        z       = (price - bb_middle) / sd                      4 %B - 2: -2 at the lower band, +2 at the upper
        stretch = sign(z) * cut((|z| - 1) / 2)                  0 within one standard deviation, 1 from three on
        heat    = sign(r) * cut((|r| - 10) / 30), r = rsi - 50  0 for RSI 40 to 60, 1 from 90 on, -1 up to 10
        p       = 1 / (1 + exp(STRENGTH * (stretch + heat) / 2)),   cut(x) = min(max(x, 0), 1)

    A price in the middle of its bands with a calm RSI gives exactly 0.5, the mirrored market 1 - p. Only ratios enter,
    so the unit of the price does not matter.

    Warm-up: that of the slowest input (20 trades for the bands). Flat market (sd <= FLAT * price): 0.5, also where RSI
    still remembers the last move before it (Wilder's averages of gains and losses fade alike, their ratio stays). The
    rule reads the bands and not %B, which has no value there. An input that is not a finite number, or a price that is
    not positive: NaN.

    Source: Bollinger, Bollinger on Bollinger Bands, 2001 (%B confirmed by an oscillator), made continuous.
    """

    name: Final = "mean_reversion"
    inputs: Final = ("bb_upper", "bb_middle", "bb_lower", "rsi_14")

    def probability_up(self, columns: Mapping[str, F64], price: F64) -> F64:
        """See `Member.probability_up`."""
        out = np.empty(len(price))
        _mean_reversion(tuple(columns[name] for name in self.inputs), price, out)
        return out


@compiled
def _mean_reversion(inputs: tuple[F64, ...], price: F64, out: F64) -> None:
    """The rule of `MeanReversion`, row by row, from its inputs in their order into `out`."""
    upper, middle, lower, rsi = inputs
    for i in range(len(out)):
        if not (math.isfinite(upper[i] + middle[i] + lower[i] + rsi[i] + price[i]) and price[i] > 0.0):
            out[i] = math.nan
            continue
        sd = (upper[i] - lower[i]) / 4.0
        if sd <= FLAT * price[i]:
            out[i] = 0.5
            continue
        z = (price[i] - middle[i]) / sd
        stretch = math.copysign(min(max((abs(z) - 1.0) / 2.0, 0.0), 1.0), z)
        r = rsi[i] - 50.0
        heat = math.copysign(min(max((abs(r) - 10.0) / 30.0, 0.0), 1.0), r)
        out[i] = 1.0 / (1.0 + math.exp(STRENGTH * (stretch + heat) / 2.0))
