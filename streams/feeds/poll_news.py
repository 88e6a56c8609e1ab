"""Which items of a document that is fetched again and again are new."""

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Final

import msgspec

from streams.records import Tick

REMEMBERED: Final = 20_000
"""Items that are remembered, per kind of item and symbol; several pages of any venue."""


class Page:
    """The items of one kind and symbol, as they were on the pages before.

    An item with a `seq` is known by it. One without is known by its time and content; two that are equal in both are
    two, if they stand on one page. Where items have no time either, only the page before counts, so that a price that
    comes back is news.
    """

    def __init__(self, *, timed: bool) -> None:
        """`timed`: the items say when they happened."""
        self._timed = timed
        self._seen: Counter[Hashable] = Counter()

    @property
    def known(self) -> int:
        """Items that are remembered."""
        return len(self._seen)

    def news(self, ticks: Sequence[Tick]) -> tuple[list[Tick], bool]:
        """Return the new ones of a page, and whether an older one is on it (or there are none older).

        An empty page says nothing.
        """
        if not ticks:
            return [], True
        keys = [self._key(tick) for tick in ticks]
        page: Counter[Hashable] = Counter()
        fresh = []
        overlaps = not self._seen
        for key, tick in zip(keys, ticks, strict=True):
            if isinstance(key, int | str):
                page[key] = 1
            else:
                page[key] += 1
            if page[key] > self._seen[key]:
                fresh.append(tick)
            else:
                overlaps = True
        remembers = self._timed or any(isinstance(key, int | str) for key in keys)
        # A number given twice on one page is one item.
        fresh = _once(fresh)
        if not remembers:
            self._seen = page
            return fresh, True
        for key, count in page.items():
            before = self._seen.pop(key, 0)
            self._seen[key] = max(before, count)
        while len(self._seen) > max(REMEMBERED, 2 * len(page)):
            del self._seen[next(iter(self._seen))]
        return fresh, overlaps

    def _key(self, tick: Tick) -> Hashable:
        if tick.seq is not None:
            return tick.seq
        return tick if self._timed else msgspec.structs.replace(tick, ts_ns=0)


def _once(ticks: Sequence[Tick]) -> list[Tick]:
    seen: set[int | str] = set()
    kept = []
    for tick in ticks:
        if tick.seq is not None:
            if tick.seq in seen:
                continue
            seen.add(tick.seq)
        kept.append(tick)
    return kept


def in_order(ticks: Sequence[Tick]) -> list[Tick]:
    """Ticks oldest first, whichever way the page was; those of one time keep the page's direction.

    Which that is, its ends say: by their times, where these are one by their numbers.
    """
    forward = list(ticks)
    if len(forward) > 1 and _place(forward[0]) > _place(forward[-1]):
        forward.reverse()
    return sorted(forward, key=lambda tick: tick.ts_ns or 0)


def _place(tick: Tick) -> tuple[int, int]:
    return tick.ts_ns or 0, tick.seq if isinstance(tick.seq, int) else 0
