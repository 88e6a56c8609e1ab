"""What filters remember in a symbol's row: sequence numbers that came, and the level of its prices.

Trades (ticks with a price, quote or not) and pure quotes have a stretch of slots each, which begins at `at`
(streams/layout.py). Limits: streams/quality/limits.py.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from numba import njit

from streams.fold import put_time, time_at
from streams.layout import (
    AGREEING,
    BASE_HIGH,
    BASE_LOW,
    CANDIDATE,
    FAR_S,
    HIGHEST_S,
    KEEPS,
    KEPT,
    NEWEST,
    NUMBERS,
    REFERENCE,
)
from streams.quality.limits import AGREE_BPS, REARM_NS, REARM_TICKS, WEIGHT

F = TypeVar("F", bound=Callable[..., Any])


def uncounted(function: F) -> F:
    """Compile without counting references to the arrays that are passed in, which outlive the call: with numba 0.68
    the counting took longer than all the filters. Such a function must not make an array."""
    # By name, for the types that numba brings do not know the option.
    options: dict[str, Any] = {"error_model": "numpy", "_nrt": False}
    made: F = njit(**options)(function)
    return made


FURTHEST: Final = 9_007_199_254_740_992.0
"""2^53: a float64 slot holds whole numbers below it exactly."""


@uncounted
def came_before(row: Any, at: int, seq: int, ns: int, restart_ns: float) -> bool:  # noqa: PLR0911 - one per case
    """Take a sequence number (none if negative); whether it is a duplicate.

    It is where it is among the numbers that are kept, or below all of them when there is no room for more, for then
    nobody can tell. A number that is not above the highest, and whose time is more than `restart_ns` after that one's,
    is the venue's that counts anew: what was kept is forgotten. The highest itself is never that, but the same record.
    """
    if seq < 0:
        return False
    kept = int(row[at + KEPT])
    if kept == 0:
        _begin(row, at, seq, ns)
        return False
    newest = int(row[at + NEWEST])
    number = float(seq - ((int(row[at + BASE_HIGH]) << 32) + int(row[at + BASE_LOW])))
    highest = row[at + NUMBERS + newest]
    if number > highest:
        if number >= FURTHEST:
            _begin(row, at, seq, ns)
            return False
        newest = newest + 1 if newest < KEEPS - 1 else 0
        row[at + NUMBERS + newest] = number
        row[at + NEWEST] = float(newest)
        if kept < KEEPS:
            row[at + KEPT] = float(kept + 1)
        put_time(row, at + HIGHEST_S, ns)
        return False
    if number == highest:
        return True
    if float(ns - time_at(row, at + HIGHEST_S)) > restart_ns:
        _begin(row, at, seq, ns)
        return False
    return _between(row, at, number, kept, newest)


@uncounted
def _begin(row: Any, at: int, seq: int, ns: int) -> None:
    """Keep this number and none before it."""
    row[at + NUMBERS : at + NUMBERS + KEEPS] = 0.0
    row[at + KEPT] = 1.0
    row[at + NEWEST] = 0.0
    row[at + BASE_HIGH] = float(seq >> 32)
    row[at + BASE_LOW] = float(seq & 0xFFFFFFFF)
    put_time(row, at + HIGHEST_S, ns)


@uncounted
def _between(row: Any, at: int, number: float, kept: int, newest: int) -> bool:
    """Put a number below the highest into its place, the lowest giving way; whether it is there, or below all."""
    ring = at + NUMBERS
    above = 1
    while above < kept and row[ring + (newest - above) % KEEPS] > number:
        above += 1
    if above < kept:
        if row[ring + (newest - above) % KEEPS] == number:
            return True
    elif kept == KEEPS or number <= -FURTHEST:
        return True
    # Those below move down by one: from the lowest, which falls out where the ring is full.
    last = kept if kept < KEEPS else KEEPS - 1
    for i in range(last, above, -1):
        row[ring + (newest - i) % KEEPS] = row[ring + (newest - i + 1) % KEEPS]
    row[ring + (newest - above) % KEEPS] = number
    if kept < KEEPS:
        row[at + KEPT] = float(kept + 1)
    return False


@uncounted
def jumps(row: Any, at: int, ns: int, price: float, most_bps: float, limits: Any) -> bool:
    """Take a price (of a quote its middle); whether it is too far from the rolling reference.

    The reference is an exponentially weighted mean of the prices that were not. It moves to a price that is too far
    with the REARM_TICKS-th one in a row of which each is within AGREE_BPS of the one before, or with the first one
    more than REARM_NS after the first that was too far, if none was near since.
    """
    reference = row[at + REFERENCE]
    if reference > 0.0 and abs(price - reference) * 1e4 > most_bps * reference:
        candidate, agreeing = row[at + CANDIDATE], row[at + AGREEING]
        if agreeing == 0.0:
            put_time(row, at + FAR_S, ns)
        if agreeing > 0.0 and abs(price - candidate) * 1e4 <= limits[AGREE_BPS] * candidate:
            agreeing += 1.0
        else:
            agreeing = 1.0
        if agreeing < limits[REARM_TICKS] and float(ns - time_at(row, at + FAR_S)) <= limits[REARM_NS]:
            row[at + CANDIDATE] = price
            row[at + AGREEING] = agreeing
            return True
        reference = 0.0
    row[at + REFERENCE] = price if reference == 0.0 else reference + limits[WEIGHT] * (price - reference)
    row[at + AGREEING] = 0.0
    return False
