"""Names of the feature store's keys and fields, and the seconds in them.

    feature:{symbol}:{name}:{YYYYMMDDHHMMSS}   string: the value, shortest decimal that reads back as the same double
    feature:{symbol}:latest                    hash: a field per value that is not null, and the fields of RESERVED
    feature:{symbol}:_record:{YYYYMMDDHHMMSS}  string: JSON, the record that the values of that second are of
    features:symbols                           sorted set: symbol, scored by the Unix second its latest hash expires
    features:watermark:{partition}             string: offset in `features` up to which the view is filled
    features:schema:{version}                  string: JSON that describes the feature set
    features:schemas                           set: the versions that have a description

Those are the keys of the set that runs without HAYATE_BESIDE. The keys of one that runs beside it name its version:

    feature:{version}:{symbol}:{name}:{YYYYMMDDHHMMSS}
    feature:{version}:{symbol}:latest
    features:{version}:symbols
    features:{version}:watermark:{partition}

`features:active` names the version that readers of the active set get; where it is absent or `base`, they get the set
without a version in its keys (tables/features/active.py).

Neither a symbol (streams.records.SYMBOL_PATTERN) nor a name holds a `:`, and no second reads `latest`, so a key reads
one way only, even where a symbol looks like a version.
"""

import re
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from streams.errors import ConfigError, FeatureNameError
from tables.features.contract import MAX_HISTORY_SECONDS

NS: Final = 1_000_000_000

VERSION: Final = re.compile("[0-9a-f]{12}")
"""`FeatureSet.version`; no other word that follows `features:` reads like one."""

RESERVED: Final = ("ts_ns", "schema", "status", "id", "price", "flags", "_partition", "_offset")
"""Fields of the latest hash that are no values. `price` is absent while null, `flags` (JSON) while all are ready;
`_partition` and `_offset` are the source record's, which decide what is newer."""


RECORD: Final = "_record"
"""Stands where a history key has its name: what is known of the record of that second."""
ACTIVE: Final = "features:active"
"""Key of the version that was promoted."""
BASE: Final = "base"
"""In its place: the set whose keys have no version."""
SCHEMAS: Final = "features:schemas"
"""Key of the versions that have a description: nobody has to look through millions of keys for them."""


class FeatureKeys:
    """The keys of one feature set: of the one without a version in them, or of `schema`, which runs beside it.

    Raises:
        ConfigError: a set beside another needs its version, 12 hexadecimal digits.
    """

    def __init__(self, schema: str = "", *, beside: bool = False) -> None:
        if beside and not VERSION.fullmatch(schema):
            raise ConfigError(
                f"schema={schema!r}: the keys of a set beside another name its version: "
                "pass its 12 hexadecimal digits, as in `schema` of its records"
            )
        self._schema = schema if beside else ""
        self._prefix = f"feature:{schema}:" if beside else "feature:"
        self.symbols = f"features:{schema}:symbols" if beside else "features:symbols"
        """Key of the sorted set of the symbols."""
        others = f"{schema}:" if beside else f"(?!schema:|schemas$|active$|{VERSION.pattern}:)"
        self._own = re.compile(f"{self._prefix}[^:]+:(latest|[^:]+:[0-9]+)|features:{others}.+")

    @property
    def version(self) -> str:
        """The one that the keys name, empty where they name none."""
        return self._schema

    def latest(self, symbol: str) -> str:
        """Key of the hash of all current values of `symbol`."""
        return f"{self._prefix}{symbol}:latest"

    def history(self, symbol: str, name: str, unix_s: int) -> str:
        """Key of the value of `name` in the second that begins `unix_s` seconds after the epoch."""
        return f"{self._prefix}{symbol}:{name}:{second_text(unix_s)}"

    def watermark(self, partition: int) -> str:
        """Key of the offset in `features` up to which the view of `partition` is filled."""
        return f"{self.symbols.removesuffix('symbols')}watermark:{partition}"

    @property
    def pattern(self) -> str:
        """Glob that matches every key of this set; `owns` tells them from the others that it matches."""
        return f"feature*:{self._schema}:*" if self._schema else "feature*:*"

    def owns(self, key: str) -> bool:
        """Whether `key` is one of this set's; its description, `schema_key`, is not among them."""
        return self._own.fullmatch(key) is not None


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
        if name in RESERVED or name == RECORD or not name or ":" in name:
            raise ConfigError(
                f"feature name {name!r}: empty, with ':' or one of {', '.join(RESERVED)}, {RECORD}; rename the output"
            )
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if list(names).count(name) > 1})
        raise ConfigError(f"feature name {twice[0]!r} occurs twice; rename one of the outputs")
    return tuple(names)


def check_history(history: Sequence[str] | None, names: Sequence[str]) -> tuple[str, ...]:
    """Those of the outputs `names` that keep history keys, None being all; ConfigError for one that is no output."""
    if history is None:
        return tuple(names)
    unknown = [name for name in history if name not in names]
    if unknown:
        raise ConfigError(f"history: {unknown[0]!r} is no output of the feature set; name one of {', '.join(names)}")
    return tuple(history)


def history_ttls(
    history: Sequence[str] | None, names: Sequence[str], ttl_s: int, ttls: Mapping[str, int] | None
) -> dict[str, int]:
    """Output -> life of its history keys in seconds, of those of `names` that keep any: those of `history` (None is
    all), for `ttl_s` seconds or what `ttls` says of them.

    Raises:
        ConfigError: `history` has one that is not in `names`.
    """
    given = ttls or {}
    return {name: given.get(name, ttl_s) for name in check_history(history, names)}


def check_kept(name: str, kept: Sequence[str], names: Sequence[str], schema: str) -> None:
    """FeatureNameError if `name` is one of the store's `names` but not of those whose history is `kept`."""
    if name in names and name not in kept:
        raise FeatureNameError(
            f"feature {name!r} keeps no history in feature set {schema}: add it to `history` in the feature set's file"
        )


def check_known(requested: Sequence[str], names: Sequence[str], schema: str) -> None:
    """FeatureNameError if one of `requested` is none of `names`; where there are no names, none is known."""
    unknown = sorted(set(requested).difference(names)) if names else []
    if unknown:
        raise FeatureNameError(
            f"feature {unknown[0]!r} is not in feature set {schema}: ask for one of {', '.join(names)}"
        )
