"""One cause speaks once: which levels of a symbol's records become alerts.

Each of the K kinds of a symbol is armed or not. With a level at or above its limit an armed kind speaks, if its last
alert is at least the quiet time ago, and is disarmed; a level below its re-arming limit arms it again. So a level that
stays high speaks once, one that flutters about its limit too, and one that comes back soon waits for the quiet time.
NaN says nothing, and changes nothing.

Time is event time, as a running maximum per symbol: a replay tells the same.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.alerting.kinds import OF_SYMBOLS, STALE_FEED, VOLUME_UNUSUAL
from agents.decision.compiled import compiled
from agents.decision.decisions import BUY, SELL
from streams.columns import F64, I64, U8

KINDS: Final = len(OF_SYMBOLS)
SEEN: Final = 2 * KINDS
"""Places in a symbol's vector: K times of the last alerts (s), K times armed (1) or not (0), then time of its last
record (s), mean of its volume, and records in that mean."""
MEAN: Final = SEEN + 1
COUNT: Final = SEEN + 2
WIDTH: Final = SEEN + 3
STALE: Final = OF_SYMBOLS.index(STALE_FEED)
VOLUME: Final = OF_SYMBOLS.index(VOLUME_UNUSUAL)
AVERAGED: Final = 1_000
"""Records of a symbol that its own average of the volume reaches back; there is none before so many."""
FIRST_CAPACITY: Final = 8
INSIDE: Final = 1.0
"""Level of a signal in the high tier; OUTSIDE of one that still says the same, which neither speaks nor re-arms."""
OUTSIDE: Final = 0.5
NO_ACTION: Final = 255
"""Where nothing was decided."""


def fresh() -> F64:
    """[WIDTH]: the vector of a symbol that nothing is known of."""
    vector = np.zeros(WIDTH)
    vector[:KINDS] = -math.inf
    vector[KINDS:SEEN] = 1.0
    vector[SEEN] = -math.inf
    return vector


class Suppression:
    """The vectors of the symbols of one partition."""

    def __init__(self, limits: F64, rearms: F64, quiet_s: float, *, averages: bool = False) -> None:
        """`limits`, `rearms` [K]: by kind, in the order of OF_SYMBOLS; NaN never speaks. `averages`: volume is told by
        what it is of the symbol's own average."""
        self._averages = averages
        self._limits, self._rearms, self._quiet_s = limits, rearms, quiet_s
        self._rows: dict[str, int] = {}
        self._free: list[int] = []
        self._state = np.tile(fresh(), (FIRST_CAPACITY, 1))

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def speak(
        self, symbols: Sequence[str], now_s: F64, action: U8, high: NDArray[np.bool_], risk: F64, volume: F64
    ) -> tuple[NDArray[np.bool_], F64]:
        """Which levels become alerts, and the levels: [n, K] both.

        Args:
            symbols: [n].
            now_s: [n], event times in seconds since the epoch.
            action, high, risk: [n], of the decisions; NO_ACTION where there was none.
            volume: [n], the standard score of the volume or, with `averages`, money traded of late; or NaN.
        """
        rows = np.array([self._row(symbol) for symbol in symbols], np.int64)
        levels = np.empty((len(rows), KINDS))
        out = np.zeros(levels.shape, np.bool_)
        more = (action, high, risk, volume, self._averages, self._limits, self._rearms, self._quiet_s)
        _speak(self._state, rows, now_s, *more, levels, out)
        return out, levels

    def keep(self, symbol: str) -> F64:
        """[WIDTH]: all that is remembered of a symbol."""
        row = self._row(symbol)  # first, for it may make the array anew
        return np.array(self._state[row])

    def restore(self, symbol: str, vector: F64) -> None:
        """Go on with what was kept.

        Raises:
            ValueError: a vector of another width, of another version.
        """
        if vector.shape != (WIDTH,):
            raise ValueError(f"alerts of {symbol}: a vector {vector.shape}; this version keeps ({WIDTH},)")
        row = self._row(symbol)
        self._state[row] = vector

    def forget(self, symbol: str) -> None:
        """Let a symbol go."""
        row = self._rows.pop(symbol, None)
        if row is not None:
            self._state[row] = fresh()
            self._free.append(row)

    def _row(self, symbol: str) -> int:
        row = self._rows.get(symbol)
        if row is None:
            row = self._free.pop() if self._free else len(self._rows)
            if row >= len(self._state):
                self._state = np.concatenate([self._state, np.tile(fresh(), (len(self._state), 1))])
            self._rows[symbol] = row
        return row


@compiled
def _speak(
    state: F64,
    rows: I64,
    now_s: F64,
    action: U8,
    high: NDArray[np.bool_],
    risk: F64,
    volume: F64,
    averages: bool,
    limits: F64,
    rearms: F64,
    quiet_s: float,
    levels: F64,
    out: NDArray[np.bool_],
) -> None:
    """The rule of the module's docstring, record by record."""
    for i in range(len(rows)):
        known = state[rows[i]]
        before = known[SEEN]
        now = max(before, now_s[i])
        known[SEEN] = now
        inside = INSIDE if high[i] else OUTSIDE
        levels[i, 0] = inside if action[i] == BUY else 0.0 if action[i] != NO_ACTION else math.nan
        levels[i, 1] = inside if action[i] == SELL else 0.0 if action[i] != NO_ACTION else math.nan
        levels[i, 2] = risk[i]
        levels[i, VOLUME] = math.nan if averages else volume[i]
        levels[i, STALE] = now - before if before > -math.inf else 0.0
        if averages and volume[i] >= 0.0:
            if known[COUNT] >= AVERAGED and known[MEAN] > 0.0:
                levels[i, VOLUME] = volume[i] / known[MEAN]
            known[COUNT] = min(known[COUNT] + 1.0, float(AVERAGED))
            known[MEAN] += (volume[i] - known[MEAN]) / known[COUNT]
        for k in range(KINDS):
            level = levels[i, k]
            if level >= limits[k]:
                if known[KINDS + k] > 0.0 and now >= known[k] + quiet_s:
                    out[i, k] = True
                    known[k] = now
                    known[KINDS + k] = 0.0
            elif level < rearms[k]:
                known[KINDS + k] = 1.0
