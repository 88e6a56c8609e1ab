"""RFC 3339 times at the pace of a venue: neighbours share their second, so only the fraction is read anew."""

import re
from functools import lru_cache
from typing import Final

from streams.feeds.rfc3339 import parse_ns

_UTC: Final = re.compile(r"(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{1,9})Z", re.ASCII)


def instant_ns(text: str) -> int:
    """Return what `parse_ns` returns, several times as fast for UTC in this century and for whole seconds.

    Raises:
        ValueError: it is no RFC 3339 time.
    """
    found = _UTC.fullmatch(text)
    if found is None:
        return _whole_ns(text)
    second, fraction = found.groups()
    return _whole_ns(f"{second}Z") + int(fraction.ljust(9, "0"))


@lru_cache(maxsize=256)
def _whole_ns(text: str) -> int:
    return parse_ns(text)
