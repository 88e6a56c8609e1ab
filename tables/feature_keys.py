"""Names of the feature store's keys and fields, and the seconds in them.

    feature:{symbol}:{name}:{YYYYMMDDHHMMSS}   string: the value, shortest decimal that reads back as the same double
    feature:{symbol}:latest                    hash: a field per value that is not null, and the fields of RESERVED
    features:symbols                           sorted set: symbol, scored by the Unix second its latest hash expires
    features:schema:{version}                  string: JSON that describes the feature set

A symbol holds no `:` (streams.records.SYMBOL_PATTERN), so a key reads one way only.
"""

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from streams.errors import ConfigError
from tables.feature_contract import MAX_HISTORY_SECONDS

NS: Final = 1_000_000_000

SYMBOLS: Final = "features:symbols"

RESERVED: Final = ("ts_ns", "schema", "status", "id", "price", "flags", "_partition", "_offset")
"""Fields of the latest hash that are no values. `price` is absent while null, `flags` (JSON) while all are ready;
`_partition` and `_offset` are the source record's, which decide what is newer."""


def latest_key(symbol: str) -> str:
    """Key of the hash of all current values of `symbol`."""
    return f"feature:{symbol}:latest"


def history_key(symbol: str, name: str, unix_s: int) -> str:
    """Key of the value of `name` in the second that begins `unix_s` seconds after the epoch."""
    return f"feature:{symbol}:{name}:{second_text(unix_s)}"


def schema_key(version: str) -> str:
    """Key of the description of the feature set `version`."""
    return f"features:schema:{version}"


@lru_cache(maxsize=4096)
def second_text(unix_s: int) -> str:
    """`unix_s` as YYYYMMDDHHMMSS in UTC; remembered, for ticks of one second come by the thousand."""
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(unix_s))


def seconds_between(start_ns: int, end_ns: int) -> range:
    """Unix seconds that begin in [start_ns, end_ns); ValueError if they are more than one call may read."""
    seconds = range(-(-start_ns // NS), -(-end_ns // NS))
    if len(seconds) > MAX_HISTORY_SECONDS:
        raise ValueError(
            f"history from {start_ns} to {end_ns} ns spans {len(seconds)} seconds: "
            f"ask for at most {MAX_HISTORY_SECONDS} at a time"
        )
    return seconds


def check_names(names: Sequence[str]) -> tuple[str, ...]:
    """The outputs of a feature set as a tuple; ConfigError for one that cannot be a field of the latest hash."""
    for name in names:
        if name in RESERVED or not name or ":" in name:
            raise ConfigError(
                f"feature name {name!r}: empty, with ':' or one of {', '.join(RESERVED)}; rename the output"
            )
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if list(names).count(name) > 1})
        raise ConfigError(f"feature name {twice[0]!r} occurs twice; rename one of the outputs")
    return tuple(names)


def check_known(requested: Sequence[str], names: Sequence[str], schema: str) -> None:
    """ConfigError if one of `requested` is none of the store's `names`; a store opened without names knows none."""
    unknown = sorted(set(requested).difference(names)) if names else []
    if unknown:
        raise ConfigError(f"feature {unknown[0]!r} is not in feature set {schema}: ask for one of {', '.join(names)}")
