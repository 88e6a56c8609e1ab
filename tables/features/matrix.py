"""The newest features of many symbols as one NumPy matrix."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.records import READY, STALE, UNDEFINED, WARMING
from tables.features.freshness import ABSENT_CODE, CODES, NS
from tables.features.source import StoredRecord


@dataclass(frozen=True, eq=False)
class FeatureMatrix:
    """One row per symbol, one column per name, in the order in which they were asked for; all of one feature set.

    A symbol without a record of that set has NaN in its row, `absent` as status and in its flags.
    """

    symbols: tuple[str, ...]
    names: tuple[str, ...]
    schema: str
    """Version of the feature set; empty where no symbol has a record."""
    values: NDArray[np.float64]
    """[symbols, names]; NaN for null."""
    flags: NDArray[np.uint8]
    """[symbols, names]: codes of tables/features/freshness.py: 0 ready, 1 stale, 2 gapped, 3 warming, 4 undefined,
    5 unavailable, 6 absent."""
    status: NDArray[np.uint8]
    """[symbols]: the worst of the row that counts: 0 to 3, or 6."""
    ts_ns: NDArray[np.int64]
    """[symbols]: event time of the record, ns since the epoch; 0 where there is none."""
    age_s: NDArray[np.float64]
    """[symbols]: seconds of event time since then; NaN where there is no record."""
    ids: tuple[str, ...]
    """Of the records; empty where there is none."""

    @property
    def usable(self) -> NDArray[np.bool_]:
        """[symbols, names]: whether the value is ready."""
        ready: NDArray[np.bool_] = self.flags == READY
        return ready


def matrix_of(
    symbols: Sequence[str],
    names: Sequence[str],
    records: Sequence[StoredRecord | None],
    schema: str,
    limits: Mapping[str, int],
    now_ns: int,
) -> FeatureMatrix:
    """Put `records` (one per symbol, with `names` in their order) together; `limits` in ns.

    A record of another set than `schema` counts as absent.
    """
    rows, width = len(symbols), len(names)
    values = np.full((rows, width), np.nan)
    flags = np.full((rows, width), ABSENT_CODE, np.uint8)
    ts_ns = np.zeros(rows, np.int64)
    recorded = np.full(rows, ABSENT_CODE, np.uint8)
    ids = [""] * rows
    columns = {name: column for column, name in enumerate(names)}
    for row, record in enumerate(records):
        if record is None or record.note.schema != schema:
            continue
        note = record.note
        values[row] = record.values  # NumPy reads None as NaN
        flags[row] = READY
        for name, flag in note.flags.items():
            if (column := columns.get(name)) is not None:
                flags[row, column] = CODES.get(flag, READY)
        ts_ns[row], recorded[row], ids[row] = note.ts_ns, CODES.get(note.status, READY), note.id
    age_ns: Any = now_ns - ts_ns
    # Python's integers know no limit; an age beyond a century is as stale as one of a century.
    none = np.iinfo(np.int64).max
    limit = np.array([limits.get(name, none) for name in names], np.int64)
    flags[(flags == READY) & (age_ns[:, None] > limit[None, :])] = STALE
    there = recorded != ABSENT_CODE
    # A null always has its flag; one without it must not look usable.
    flags[(flags <= STALE) & np.isnan(values)] = UNDEFINED
    counted = np.where(flags <= WARMING, flags, READY)
    status = np.where(there, counted.max(axis=1, initial=READY), ABSENT_CODE).astype(np.uint8)
    return FeatureMatrix(
        symbols=tuple(symbols),
        names=tuple(names),
        schema=schema,
        values=values,
        flags=flags,
        status=status,
        ts_ns=ts_ns,
        age_s=np.where(there, age_ns / NS, np.nan),
        ids=tuple(ids),
    )
