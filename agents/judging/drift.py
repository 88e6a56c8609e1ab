"""Whether what a model is given, and what it says, is still distributed as in its training.

One record of each symbol is looked at in every horizon of the model, for those between say much the same. They are
counted in two sketches (agents/judging/sketch.py), of all symbols together: a fast one that sees a great change within
seconds, and a slow one that sees a small one. A column drifts while its index is above the limit and what chance
explains; of the fast one the limit is four times as high. It has come back when it is below half of that.

Where the training has references for the phases of a session (closed, open, break), records are held against those of
their phase: a break is not compared with a whole day.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from agents.decision.inputs import InputMatrix
from agents.judging.sketch import Sketch
from streams.columns import F64, I64
from tables.models.manifest import PROBABILITY_UP, SESSION_PHASE, Drift, ModelManifest

FAST_S: Final = 15.0
SLOW_S: Final = 1_800.0
"""Half-lives of the sketches, in event time."""
FAST_LIMIT: Final = 4.0
"""Of the fast sketch, in limits of the slow one."""
BACK: Final = 0.5
LOOK_S: Final = 1.0
"""Event time between two looks."""
NS_PER_S: Final = 1e9
KNOWN_SYMBOLS: Final = 100_000
"""Symbols whose last sample is remembered; then all are forgotten, which costs a sample more of each."""


class Drifting(NamedTuple):
    """A column that drifts."""

    column: str
    psi: float
    limit: float
    half_life_s: float
    phase: int | None


class _Watched(NamedTuple):
    """The references of one phase."""

    phase: int | None
    columns: I64
    """Places in the matrix of inputs; behind its last: P(up)."""
    sketches: tuple[tuple[Sketch, float], ...]
    """With the limit of each."""


class DriftWatch:
    """Of one model in one worker."""

    def __init__(self, manifest: ModelManifest, outputs: Sequence[str], limit: float) -> None:
        """`outputs`: of the feature set; `limit`: PSI from which on a column drifts."""
        self._matrix = InputMatrix(outputs, manifest.inputs)
        self._phase = outputs.index(SESSION_PHASE) if SESSION_PHASE in outputs else -1
        places = {one.output: place for place, one in enumerate(manifest.inputs)}
        places[PROBABILITY_UP] = len(manifest.inputs)
        by_phase: dict[int | None, list[Drift]] = {}
        for reference in manifest.drift:
            if reference.input in places and (reference.phase is None or self._phase >= 0):
                by_phase.setdefault(reference.phase, []).append(reference)
        self._watched = {
            phase: _Watched(
                phase,
                np.array([places[one.input] for one in references], np.int64),
                ((Sketch(references, FAST_S), FAST_LIMIT * limit), (Sketch(references, SLOW_S), limit)),
            )
            for phase, references in by_phase.items()
        }
        self._spacing_ns = manifest.label.horizon_ms * 1_000_000
        self._last: dict[str, int] = {}
        self._looked_s = -math.inf
        self._drifting: set[tuple[int | None, int, str]] = set()
        self.index: Mapping[str, float] = {}
        """Column -> greatest index of the slow sketches at the last look, of the columns that can be judged."""

    def see(self, symbols: Sequence[str], ts_ns: Sequence[int], values: F64, price: F64, up: F64) -> list[Drifting]:
        """n records that this model answered: the columns that began to drift with them.

        Args:
            symbols, ts_ns: [n].
            values: [n, outputs] of the feature set; `price`: [n].
            up: [n], P(up) as the signals have it.
        """
        if not self._watched:
            return []
        taken = self._samples(symbols, ts_ns)
        if not taken:
            return []
        now_s = ts_ns[taken[-1]] / NS_PER_S
        rows = values[taken]
        matrix = np.column_stack((self._matrix(rows, price[taken]), up[taken])).astype(np.float64, copy=False)
        for watched, places in self._phases(rows):
            columns = np.ascontiguousarray(matrix[np.ix_(places, watched.columns)])
            for sketch, _ in watched.sketches:
                sketch.add(columns, now_s)
        if now_s < self._looked_s + LOOK_S:
            return []
        self._looked_s = now_s
        return self._look()

    def _samples(self, symbols: Sequence[str], ts_ns: Sequence[int]) -> list[int]:
        last, spacing, taken = self._last, self._spacing_ns, []
        for i, symbol in enumerate(symbols):
            before = last.get(symbol)
            if before is None or ts_ns[i] >= before + spacing:
                last[symbol] = ts_ns[i]
                taken.append(i)
        if len(last) > KNOWN_SYMBOLS:
            last.clear()
        return taken

    def _phases(self, rows: F64) -> list[tuple[_Watched, I64]]:
        """The rows by the references that they are held against."""
        everything = np.arange(len(rows))
        if set(self._watched) == {None}:
            return [(self._watched[None], everything)]
        phases = rows[:, self._phase]
        found = []
        rest = np.ones(len(rows), np.bool_)
        for phase, watched in self._watched.items():
            if phase is not None and (its := phases == phase).any():
                found.append((watched, everything[its]))
                rest &= ~its
        if None in self._watched and rest.any():
            found.append((self._watched[None], everything[rest]))
        return found

    def _look(self) -> list[Drifting]:
        begun = []
        index: dict[str, float] = {}
        for watched in self._watched.values():
            for which, (sketch, limit) in enumerate(watched.sketches):
                psi = sketch.psi()
                above = psi > np.maximum(limit, sketch.noise())
                back = psi < BACK * limit
                if which:
                    index |= {
                        name: max(value, index.get(name, 0.0))
                        for name, value in zip(sketch.names, psi.tolist(), strict=True)
                        if not math.isnan(value)
                    }
                for j in np.flatnonzero(above | back).tolist():
                    key = (watched.phase, which, sketch.names[j])
                    if not above[j]:
                        self._drifting.discard(key)
                    elif key not in self._drifting:
                        self._drifting.add(key)
                        half_life_s = SLOW_S if which else FAST_S
                        begun.append(Drifting(sketch.names[j], float(psi[j]), limit, half_life_s, watched.phase))
        self.index = index
        return begun
