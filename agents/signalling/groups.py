"""Who serves which record of a batch: the plan cuts it by offset, the canary's share by symbol."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.decision.models import Models
from agents.models.plan import canary_takes

Rows = NDArray[np.intp]


class Group(NamedTuple):
    """Records with the same rungs."""

    rungs: tuple[str, ...]
    """Models in the order in which they are asked; the rules come after them."""
    rows: Rows
    """Ascending."""


class Stretch(NamedTuple):
    """Consecutive records under one assignment."""

    groups: list[Group]
    challenger: str | None
    rows: Rows


@lru_cache(maxsize=65_536)
def _taken(symbol: str, share: float) -> bool:
    return canary_takes(symbol, share)


def stretches(models: Models, partition: int, offsets: Sequence[int], symbols: Sequence[str]) -> Iterator[Stretch]:
    """A batch, cut where the plan changes; offsets ascending."""
    plan = models.plan(partition)
    changes = plan.changes(offsets[0], offsets[-1])
    at = np.asarray(offsets)
    for number, (first, assigned) in enumerate(changes):
        begin = int(np.searchsorted(at, first)) if number else 0
        end = int(np.searchsorted(at, changes[number + 1][0])) if number + 1 < len(changes) else len(at)
        if begin == end:
            continue
        rows = np.arange(begin, end, dtype=np.intp)
        lower = [model for model in (assigned.champion,) if model is not None]
        if lower or assigned.canary is not None:
            before = models.previous(partition, offsets[begin])
            if before is not None and before not in lower:
                lower.append(before)
        groups = []
        if assigned.canary is not None:
            share = assigned.canary_share
            taken = np.array([_taken(symbol, share) for symbol in symbols[begin:end]], np.bool_)
            if taken.any():
                rungs = (assigned.canary, *(model for model in lower if model != assigned.canary))
                groups.append(Group(rungs, rows[taken]))
            rest = rows[~taken]
        else:
            rest = rows
        if len(rest):
            groups.append(Group(tuple(lower) if assigned.champion is not None else (), rest))
        yield Stretch(groups, assigned.challenger, rows)
