"""Feature sets: which indicators a worker computes, in which order, and where each keeps its state.

A row of state is one flat float64 vector:

    [0]                 trades counted
    [1]                 price of the last trade
    [2 : 2 + k]         the k outputs as last computed
    [2 + k : width]     the slots of each indicator, in the order of the file

All zeros is the row of a symbol that has not traded.
"""

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from streams.errors import ConfigError
from streams.indicators.catalogue import parse
from streams.indicators.indicator import Indicator

TRADES: Final = 0
PRICE: Final = 1
OUTPUTS: Final = 2
"""Where the parts of a row begin."""

LAYOUT: Final = 1
"""Raised with every change of the layout above."""

SHIPPED: Final = Path(__file__).parent / "feature_sets"
_KEYS = ("name", "indicators")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(frozen=True)
class FeatureSet:
    """Some indicators in a fixed order; two sets with the same `version` give the same features from the same row."""

    name: str
    indicators: tuple[Indicator, ...]

    @classmethod
    def load(cls, source: str | Path) -> "FeatureSet":
        """Read a feature set: a name (`default`) from those that are shipped, or the path of a TOML file.

        A string with a `/` or that ends in `.toml` is a path. The file has two keys: `name` (a-z 0-9 _ -) and
        `indicators` (their names, see streams/indicators/catalogue.py); the outputs come in that order.

        Raises:
            ConfigError: naming the file, the key, its value and the remedy.
        """
        path = _locate(source)
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"feature set {path}: {error.strerror}; name a readable TOML file") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"feature set {path}: not TOML ({error}); see streams/feature_sets/default.toml"
            ) from None
        try:
            return cls._read(content)
        except ConfigError as error:
            raise ConfigError(f"feature set {path}: {error}") from None

    @classmethod
    def _read(cls, content: dict[str, Any]) -> "FeatureSet":
        for key in content:
            if key not in _KEYS:
                near = get_close_matches(key, _KEYS, n=1)
                raise ConfigError(f"unknown key {key!r}; " + (f"did you mean {near[0]!r}?" if near else "remove it"))
        for key in _KEYS:
            if key not in content:
                raise ConfigError(f"no key {key!r}; see streams/feature_sets/default.toml")
        names = content["indicators"]
        if not isinstance(names, list) or not all(isinstance(item, str) for item in names):
            raise ConfigError(f"indicators = {names!r}: write a list of names, for example ['sma_20', 'macd']")
        return cls.of(content["name"], *names)

    @classmethod
    def of(cls, name: str, *indicators: str) -> "FeatureSet":
        """Make a feature set from the names of its indicators.

        Raises:
            ConfigError: naming the key, its value and the remedy.
        """
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ConfigError(f"name = {name!r}: write 1 to 32 of a-z 0-9 _ -, for example 'default'")
        if not indicators:
            raise ConfigError("indicators is empty: name at least one, for example 'sma_20'")
        found: dict[str, str] = {}
        parsed = []
        for text in indicators:
            try:
                indicator = parse(text)
            except ConfigError as error:
                raise ConfigError(f"indicators: {error}") from None
            if indicator.name in found:
                twice = f" (as {found[indicator.name]!r})" if found[indicator.name] != text else ""
                raise ConfigError(f"indicators: {text!r} is there already{twice}; remove one")
            found[indicator.name] = text
            parsed.append(indicator)
        return cls(name, tuple(parsed))

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs, in the order of the columns of `Folded.values`."""
        return tuple(output for indicator in self.indicators for output in indicator.outputs)

    @cached_property
    def warmup(self) -> tuple[int, ...]:
        """Per output, the trades of a symbol until its first value."""
        return tuple(trades for indicator in self.indicators for trades in indicator.warmup)

    @cached_property
    def slots(self) -> tuple[slice, ...]:
        """Per indicator, its slots in a row of state."""
        bounds = [OUTPUTS + len(self.outputs)]
        for indicator in self.indicators:
            bounds.append(bounds[-1] + indicator.state_size)
        return tuple(slice(start, stop) for start, stop in pairwise(bounds))

    @cached_property
    def width(self) -> int:
        """Float64 slots in a row of state."""
        return int(self.slots[-1].stop)

    @cached_property
    def _digest(self) -> str:
        content = [
            LAYOUT,
            [
                [
                    indicator.name,
                    indicator.family.revision,
                    indicator.parameters,
                    indicator.outputs,
                    indicator.state_size,
                ]
                for indicator in self.indicators
            ],
        ]
        return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()

    @property
    def version(self) -> str:
        """12 hexadecimal digits over indicators, parameters, revisions and layout; not over the set's own name.

        It stands in `schema` of every record: equal versions mean equal meaning.
        """
        return self._digest[:12]

    @property
    def layout_hash(self) -> int:
        """The first 64 bits of what `version` begins, as an unsigned int: the guard in the header of a stored row."""
        return int(self._digest[:16], 16)


def _locate(source: str | Path) -> Path:
    """The file of a feature set given by name or path."""
    if isinstance(source, Path) or "/" in source or source.endswith(".toml"):
        return Path(source)
    path = SHIPPED / f"{source}.toml"
    if not path.is_file():
        shipped = sorted(file.stem for file in SHIPPED.glob("*.toml"))
        near = get_close_matches(source, shipped, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(shipped)}, or give the path of a file"
        raise ConfigError(f"feature set {source!r} does not exist; {remedy}")
    return path
