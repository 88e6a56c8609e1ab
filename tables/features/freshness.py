"""Whether a value may be used: the one rule by which every way of reading decides what is stale.

The recorded flag says how a value was when it was written. A reader comes later, perhaps much later: a value that was
ready is `stale` to it where the record's event time is longer ago than the feature's own limit. `gapped` and `warming`
are worse and stay; a null stays what it is, for there is nothing that could be stale. `status` is the worst over the
values that were asked for; `undefined` and `unavailable` do not count, as in the record.

Age is the reader's now less the record's `ts_ns`. A record has the time of its tick, and an output of trades may be
older than the quote that brought the record; that one was judged when it was written, by its own time. So a value is
called stale by its limit after the symbol's last tick at the latest, and never too early.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from streams.records import FLAG_NAMES, GAPPED, READY, STALE, WARMING

NS: Final = 1_000_000_000
ABSENT: Final = "absent"
"""Status of a symbol that has no record."""
EXPIRED: Final = "expired"
"""Flag of a past value whose own life is over, while others of its second are still there."""

CODES: Final = {name: code for code, name in enumerate((*FLAG_NAMES, ABSENT))}
"""Flag -> number in a matrix: 0 ready, 1 stale, 2 gapped, 3 warming, 4 undefined, 5 unavailable, 6 absent."""
ABSENT_CODE: Final = CODES[ABSENT]
_COUNTED: Final = (STALE, GAPPED, WARMING)


def limits_ns(limits: Mapping[str, float]) -> dict[str, int]:
    """The limits in whole nanoseconds, as the fold has them."""
    return {name: round(limit * NS) for name, limit in limits.items()}


def judged(names: Iterable[str], flags: Mapping[str, str], age_ns: int, limits: Mapping[str, int]) -> dict[str, str]:
    """Flags of those of `names` that are not ready now; `flags` as recorded, `limits` in ns."""
    found: dict[str, str] = {}
    for name in names:
        flag = flags.get(name)
        if flag is not None:
            found[name] = flag
        elif (limit := limits.get(name)) is not None and age_ns > limit:
            found[name] = FLAG_NAMES[STALE]
    return found


def worst(flags: Iterable[str], recorded: str = FLAG_NAMES[READY]) -> str:
    """Status of a record with these flags, not better than `recorded`."""
    code = max((CODES.get(flag, READY) for flag in flags if CODES.get(flag) in _COUNTED), default=READY)
    return FLAG_NAMES[max(code, CODES.get(recorded, READY))]
