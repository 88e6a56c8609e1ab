"""Splits by time over all symbols: every part looks at the future of the one before, and at nothing it has seen.

    |------------------- members -------------------|-- calibration --|-- threshold --|---- test ----|
    |  block 0 | block 1 | block 2 | block 3 | ...  |

Fold i trains on the blocks before block i and answers about block i (walk-forward). What the folds answered, out of
their samples, is what the stacker is trained on. Between what is learnt from and what comes after it stands a hole: a
row is purged whose label looks at, or is nearer than the embargo to, the beginning of the next part.
"""

from typing import Final, NamedTuple

import numpy as np

from streams.columns import I64
from streams.errors import ConfigError

MEMBERS: Final = "members"
CALIBRATION: Final = "calibration"
THRESHOLD: Final = "threshold"
TEST: Final = "test"
PARTS: Final = (MEMBERS, CALIBRATION, THRESHOLD, TEST)
SHARES: Final = (0.60, 0.10, 0.12, 0.18)
"""Of the rows, in the order of `PARTS`."""
LEAST: Final = 30
"""Rows that a part needs at least, after purging."""


class Fold(NamedTuple):
    """One step of the walk-forward."""

    train: I64
    answer: I64


class Splits(NamedTuple):
    """Places of rows, ascending, of each part and of the folds within the first."""

    parts: dict[str, I64]
    folds: tuple[Fold, ...]
    purged: int
    """Rows that belong to no part."""


def split(
    ts_ns: I64, end_ns: I64, *, folds: int, embargo_ns: int, shares: tuple[float, ...] = SHARES, least: int = LEAST
) -> Splits:
    """Split rows in the order of time.

    Args:
        ts_ns: [n], ascending: when the row's features stood.
        end_ns: [n]: up to when its label looks, >= ts_ns.
        folds: steps of the walk-forward, >= 1.
        embargo_ns: hole between a label's end and the next part, >= 0.
        shares: of the rows, for each of `PARTS`.
        least: rows that every part and fold must have.

    Raises:
        ConfigError: a part would have too few rows.
    """
    n = len(ts_ns)
    cuts = [0, *(round(float(share) * n) for share in np.cumsum(shares[:-1])), n]
    starts = [_first_of_time(ts_ns, cut) for cut in cuts[:-1]]
    parts = {
        name: _purged(ts_ns, end_ns, start, stop, embargo_ns)
        for name, start, stop in zip(PARTS, starts, [*starts[1:], n], strict=True)
    }
    blocks = [_first_of_time(ts_ns, round(starts[1] * i / (folds + 1))) for i in range(folds + 1)] + [starts[1]]
    found = tuple(
        Fold(
            _purged(ts_ns, end_ns, 0, blocks[i], embargo_ns),
            np.intersect1d(np.arange(blocks[i], blocks[i + 1]), parts[MEMBERS], assume_unique=True),
        )
        for i in range(1, folds + 1)
    )
    for name, rows in [*parts.items(), *((f"fold {i}", f.train) for i, f in enumerate(found, 1))]:
        if len(rows) < least:
            raise ConfigError(
                f"{n:,} rows leave {len(rows)} to the part {name!r} after purging, at least {least} are needed: give "
                "more ticks, a shorter --horizon or --embargo, or fewer --folds"
            )
    return Splits(parts, found, n - sum(map(len, parts.values())))


def _first_of_time(ts_ns: I64, cut: int) -> int:
    """The first row of the time at which `cut` stands: rows of one moment are never separated."""
    return int(np.searchsorted(ts_ns, ts_ns[cut], side="left")) if 0 < cut < len(ts_ns) else cut


def _purged(ts_ns: I64, end_ns: I64, start: int, stop: int, embargo_ns: int) -> I64:
    """Rows from `start` to `stop`, without those that look too near to what comes at `stop`."""
    rows = np.arange(start, stop)
    return rows if stop >= len(ts_ns) else rows[end_ns[rows] + embargo_ns < ts_ns[stop]]
