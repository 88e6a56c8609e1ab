"""Feature sets: which indicators a worker computes, in which order, on which bars, and what goes with them.

The TOML file (`name` and `indicators` are needed; the order of the outputs is that of the file, derived ones last):

    name = "mine"                     # a-z 0-9 _ -
    indicators = ["rsi_14", "rsi_14@1m", "bbands@100t.live", "beta_60@1m~n225"]
    bars = ["5m"]                     # published as well as those that an indicator is on
    publish_bars = true               # false: no bars are published
    history = ["rsi_14"]              # outputs that keep history keys in Redis; without it all do
    mark_grace_ms = 1000              # a clock mark closes the bars that ended this long before it
    [ttl]                             # how long they live there: streams/feature_lives.py
    history = 300
    [references]                      # symbols to compare with
    n225 = "N225"
    [sessions]
    calendar = "XTKS"                 # of every symbol; without it "24/7", whose session is the UTC day
    [sessions.symbols]
    AAPL = "XNYS"
    [gaps]
    silence_s = 60                    # no tick for longer, in session, is a gap; without it none is
    sequence = true                   # so is a seq that is not the last + 1
    [stale]                           # outputs whose last trade, quote or closed bar is older are stale
    trade_s = 60
    quote_s = 10
    bar_s = 180
    [stale.outputs]
    rsi_14 = 5
    [derived.golden]                  # two outputs, or one and a number; `price` is that of the last trade
    kind = "cross"
    of = ["ema_12", "ema_26"]
    [derived.mood]
    kind = "agreement"
    of = [["price", "sma_20"], ["rsi_14", 50]]

The row of state that comes of it is described in streams/layout.py.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from streams.bars import Interval
from streams.columns import F64
from streams.errors import ConfigError
from streams.feature_lives import DERIVED
from streams.feature_set_options import KEYS, Options, known
from streams.indicators.catalogue import parse
from streams.indicators.indicator import Indicator
from streams.layout import COMMON, EARLIER_COMMON, LAYOUT, Layout

SHIPPED: Final = Path(__file__).parent / "feature_sets"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(frozen=True)
class FeatureSet:
    """Some indicators in a fixed order; two sets with the same `version` give the same features from the same row."""

    name: str
    indicators: tuple[Indicator, ...]
    options: Options = field(default_factory=Options)
    row_layout: int = LAYOUT
    """Of its rows; an earlier one only for reading what an earlier version of Hayate wrote (tables/migrations.py)."""

    @classmethod
    def load(cls, source: str | Path) -> "FeatureSet":
        """Read a feature set: a name (`default`) from those that are shipped, or the path of a TOML file.

        A string with a `/` or that ends in `.toml` is a path.

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
    def of(cls, name: str, *indicators: str, **options: Any) -> "FeatureSet":
        """Make a feature set from the names of its indicators and the other keys of the file, by name.

        Raises:
            ConfigError: naming the key, its value and the remedy.
        """
        return cls._read({**options, "name": name, "indicators": list(indicators)})

    @classmethod
    def _read(cls, content: Mapping[str, Any]) -> "FeatureSet":
        known("", content, KEYS)
        for key in ("name", "indicators"):
            if key not in content:
                raise ConfigError(f"no key {key!r}; see streams/feature_sets/default.toml")
        name = content["name"]
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ConfigError(f"name = {name!r}: write 1 to 32 of a-z 0-9 _ -, for example 'default'")
        options = Options.read(content)
        made = cls(name, _indicators(content["indicators"], dict(options.references)), options)
        options.check(tuple(output for indicator in made.indicators for output in indicator.outputs))
        options.ttl.check(made.groups)
        return made

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs, in the order of the columns of `Folded.values`."""
        own = tuple(output for indicator in self.indicators for output in indicator.outputs)
        return own + tuple(derived.name for derived in self.options.derived)

    @cached_property
    def warmup(self) -> tuple[int, ...]:
        """Per output, the steps (trades, quotes, ticks or closed bars) of a symbol until its first value.

        For a derived one, the most of those that it is made of.
        """
        own = dict(
            zip(self.outputs, (steps for indicator in self.indicators for steps in indicator.warmup), strict=False)
        )
        return tuple(own.values()) + tuple(
            max(own.get(str(operand), 1) for pair in derived.of for operand in pair) for derived in self.options.derived
        )

    @cached_property
    def history(self) -> tuple[str, ...]:
        """The outputs that keep history keys in the feature store."""
        return self.outputs if self.options.history is None else self.options.history

    @cached_property
    def groups(self) -> dict[str, str]:
        """Output -> its group in the catalogue, `derived` for those made of others; in the order of the outputs."""
        own = {output: indicator.family.group for indicator in self.indicators for output in indicator.outputs}
        return own | {derived.name: DERIVED for derived in self.options.derived}

    def history_ttls(self, default_s: int) -> dict[str, int]:
        """Output -> life of its history keys, seconds, of those that keep any; `default_s` where the file is silent."""
        return {name: self.options.ttl.of(name, self.groups[name], default_s) for name in self.history}

    @cached_property
    def intervals(self) -> tuple[Interval, ...]:
        """Of the bars that are made: those of the key `bars`, then what else the indicators are on."""
        used = (indicator.interval for indicator in self.indicators if indicator.interval is not None)
        return tuple(dict.fromkeys((*self.options.bars, *used)))

    @property
    def publishes_bars(self) -> bool:
        """Whether closed bars are records of their own."""
        return self.options.publish_bars and bool(self.intervals)

    @cached_property
    def has_time_bars(self) -> bool:
        """Whether clock marks have anything to close."""
        return any(interval.kind == "time" for interval in self.intervals)

    @cached_property
    def references(self) -> tuple[str, ...]:
        """The reference symbols, in the order of the columns of `TickColumns.reference`."""
        return tuple(symbol for _, symbol in self.options.references)

    @cached_property
    def layout(self) -> Layout:
        """Where everything is in a row of state."""
        crosses = sum(derived.kind == "cross" for derived in self.options.derived)
        common = EARLIER_COMMON.get(self.row_layout, COMMON)
        return Layout.of(self.indicators, self.intervals, len(self.references), crosses, common)

    @cached_property
    def slots(self) -> tuple[slice, ...]:
        """Per indicator, all that it keeps in a row of state: steps, outputs, slots of its own.

        A live variant shares those of its closed bars.
        """
        return tuple(self.layout.places[indicator.held].slots for indicator in self.indicators)

    @property
    def width(self) -> int:
        """Float64 slots in a row of state."""
        return self.layout.width

    def last_values(self, row: F64) -> dict[str, float]:
        """The outputs that a row of state keeps, as last computed, by name: a look into a row, without flags.

        Live and derived ones are made anew at each tick and are not in it.
        """
        values: dict[str, float] = {}
        for indicator in self.indicators:
            if not indicator.live:
                place = self.layout.places[indicator.held]
                values.update(zip(indicator.outputs, map(float, row[place.outputs]), strict=True))
        return values

    @cached_property
    def _digest(self) -> str:
        options = asdict(self.options)
        for meaningless in ("bars", "publish_bars", "history", "ttl"):
            del options[meaningless]
        content = [
            self.row_layout,
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
            [interval.name for interval in self.intervals],
            {name: sorted(value) if name in _UNORDERED else value for name, value in options.items()},
        ]
        return hashlib.sha256(json.dumps(content, separators=(",", ":"), sort_keys=True).encode()).hexdigest()

    @property
    def version(self) -> str:
        """12 hexadecimal digits over all that gives the features their meaning; not over the set's own name.

        It stands in `schema` of every record: equal versions mean equal meaning.
        """
        return self._digest[:12]

    @property
    def layout_hash(self) -> int:
        """The first 64 bits of what `version` begins, as an unsigned int: the guard in the header of a stored row."""
        return int(self._digest[:16], 16)


_UNORDERED: Final = frozenset({"calendars", "stale_outputs"})


def _indicators(names: Any, references: Mapping[str, str]) -> tuple[Indicator, ...]:
    """Read the key `indicators`."""
    if not isinstance(names, list) or not all(isinstance(item, str) for item in names):
        raise ConfigError(f"indicators = {names!r}: write a list of names, for example ['sma_20', 'macd']")
    if not names:
        raise ConfigError("indicators is empty: name at least one, for example 'sma_20'")
    found: dict[str, str] = {}
    parsed = []
    for text in names:
        try:
            indicator = parse(text)
        except ConfigError as error:
            raise ConfigError(f"indicators: {error}") from None
        if indicator.name in found:
            twice = f" (as {found[indicator.name]!r})" if found[indicator.name] != text else ""
            raise ConfigError(f"indicators: {text!r} is there already{twice}; remove one")
        if indicator.reference and indicator.reference not in references:
            near = get_close_matches(indicator.reference, references, n=1)
            remedy = f"did you mean '~{near[0]}'?" if near else f"write {indicator.reference} = 'SYMBOL' there"
            raise ConfigError(f"indicators: {text!r}: [references] has no {indicator.reference!r}; {remedy}")
        found[indicator.name] = text
        parsed.append(indicator)
    return tuple(parsed)


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
