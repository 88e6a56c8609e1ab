"""Volume buckets: what VPIN is the mean of.

Trades fill buckets of one size each, in order; one larger than what is left of its bucket is split, each part with the
trade's share of buying and selling. A full bucket leaves |bought - sold| / size, without unit, 0 to 1.
"""

from math import floor, nan
from typing import Any, Final

from streams.indicators.indicator import compiled
from streams.indicators.rolling import push_sum
from streams.indicators.rolling import slots as rolling_slots
from streams.indicators.summation import add

FILLED: Final = 0
BALANCE: Final = 2
BUCKETS: Final = 4
TOTAL: Final = 5
SUM: Final = 6

SLIVER: Final = 1e-9
"""A bucket counts as full when less than this share of it is left: ten times 0.3 may be a rounding short of 3."""


def slots(buckets: int) -> int:
    """Slots of state that the mean over `buckets` full buckets takes: the two parts each of what the open bucket holds
    and of bought less sold in it, how many were filled, and the rolling sum of the full ones with its last value."""
    return SUM + rolling_slots(buckets)


@compiled
def fill(state: Any, at: int, volume: float, signed: float, size: float, buckets: int) -> float:
    """Take `volume`, of which bought less sold is `signed`, and return the mean of the last `buckets` full buckets.

    NaN until so many are full. The state is `slots(buckets)` long from `state[at]` on, zeros before the first volume.
    The work is bounded by `buckets`, however large the volume.
    """
    if volume > 0.0:
        lean = signed / volume
        rest = volume
        room = (size - state[at + FILLED]) - state[at + FILLED + 1]
        if rest >= room - SLIVER * size:
            taken = min(rest, room)
            add(state, at + BALANCE, lean * taken)
            _close(state, at, (state[at + BALANCE] + state[at + BALANCE + 1]) / size, buckets)
            rest -= taken
            whole = floor(rest / size + SLIVER)
            # More than the window holds would push each other out.
            for _ in range(int(min(whole, float(buckets)))):
                _close(state, at, lean, buckets)
            rest = max(rest - whole * size, 0.0)
            state[at + FILLED : at + BUCKETS] = 0.0
        add(state, at + FILLED, rest)
        add(state, at + BALANCE, lean * rest)
    if state[at + BUCKETS] < buckets:
        return nan
    mean: float = state[at + TOTAL] / buckets
    return mean


@compiled
def _close(state: Any, at: int, balance: float, buckets: int) -> None:
    """Take a full bucket of which `balance` is the share bought less the share sold."""
    state[at + BUCKETS] += 1.0
    state[at + TOTAL] = push_sum(state, at + SUM, int(state[at + BUCKETS]), min(abs(balance), 1.0), buckets)
