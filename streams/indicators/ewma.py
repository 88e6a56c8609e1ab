"""Exponential decay by elapsed time: what weighs the past of irregular events."""

from math import exp

from streams.indicators.indicator import compiled
from streams.indicators.smoothing import NEGLIGIBLE


@compiled
def decayed(value: float, dt: float, tau: float) -> float:
    """Return value x exp(-dt / tau): what is left of it after `dt` seconds, for a time constant of `tau` seconds.

    `dt` is >= 0; after 0 seconds it is the same value. What is nearer to zero than NEGLIGIBLE becomes zero.
    """
    left = value * exp(-dt / tau)
    if abs(left) < NEGLIGIBLE:
        return 0.0
    return left
