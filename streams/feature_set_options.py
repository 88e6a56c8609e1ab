"""What a feature set says besides its indicators: the other keys of the TOML file, read and checked."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from math import isfinite
from typing import Any, Final, Literal

from streams.bars import Interval, interval
from streams.errors import ConfigError
from streams.feature_lives import Lives
from streams.records import SYMBOL_PATTERN
from streams.sessions import ALWAYS

Operand = str | float
"""Name of an indicator's output, `price` (of the last trade), or a number."""

PRICE: Final = "price"
GRACE_MS: Final = 1000

_ALIAS = re.compile(r"[a-z][a-z0-9_]{0,15}")
_OUTPUT = re.compile(r"[a-z][a-z0-9_]{0,31}")
_SYMBOL = re.compile(SYMBOL_PATTERN)


@dataclass(frozen=True, slots=True)
class Derived:
    """An output made of others, at every tick.

    `cross` of (a, b): +1 at the tick where a rises above b, -1 where it falls below, else 0. Equal is no side: what
    touches b and goes back has not crossed. `agreement` of pairs: the mean of sign(a - b), -1 to 1.

    It has a value where all that it is made of have one, and the worst of their flags.
    """

    name: str
    kind: Literal["cross", "agreement"]
    of: tuple[tuple[Operand, Operand], ...]
    """Pairs; a `cross` has one."""


@dataclass(frozen=True, slots=True)
class Options:
    """Every key but `name` and `indicators`; without it the fold does none of these."""

    bars: tuple[Interval, ...] = ()
    """Bars to make whether or not an indicator is on them."""
    publish_bars: bool = True
    references: tuple[tuple[str, str], ...] = ()
    """Alias and symbol; the order is that of `TickColumns.reference`."""
    calendar: str = ALWAYS
    """Exchange calendar of every symbol that is not in `calendars`."""
    calendars: tuple[tuple[str, str], ...] = ()
    """Symbol and its calendar."""
    silence_s: float | None = None
    """No tick of the symbol for longer, in session, is a gap."""
    sequence: bool = False
    """A `seq` that is not the last + 1 is a gap."""
    trade_s: float | None = None
    """Outputs whose last trade, quote or closed bar is older than this are stale."""
    quote_s: float | None = None
    bar_s: float | None = None
    stale_outputs: tuple[tuple[str, float], ...] = ()
    """The same for single outputs."""
    derived: tuple[Derived, ...] = ()
    history: tuple[str, ...] | None = None
    """Outputs that keep history keys in the feature store; None: all."""
    ttl: Lives = field(default_factory=Lives)
    """How long the feature store keeps what."""
    mark_grace_ms: int = GRACE_MS
    """A clock mark closes the bars that ended this long before it: ticks may still be on their way."""

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> "Options":
        """Read the keys of a feature-set file.

        Raises:
            ConfigError: naming key, value and remedy.
        """
        known("", content, KEYS)
        sessions = _table(content, "sessions", ("calendar", "symbols"))
        gaps = _table(content, "gaps", ("silence_s", "sequence"))
        stale = _table(content, "stale", ("trade_s", "quote_s", "bar_s", "outputs"))
        return cls(
            bars=_bars(content.get("bars", [])),
            publish_bars=_flag(content, "publish_bars", "", default=True),
            references=_references(content.get("references", {})),
            calendar=_calendar(sessions.get("calendar", ALWAYS), "sessions.calendar"),
            calendars=_calendars(sessions.get("symbols", {})),
            silence_s=_seconds(gaps, "silence_s", "gaps."),
            sequence=_flag(gaps, "sequence", "gaps.", default=False),
            trade_s=_seconds(stale, "trade_s", "stale."),
            quote_s=_seconds(stale, "quote_s", "stale."),
            bar_s=_seconds(stale, "bar_s", "stale."),
            stale_outputs=_limits(stale.get("outputs", {})),
            derived=_derived(content.get("derived", {})),
            history=_history(content.get("history")),
            ttl=Lives.read(content.get("ttl", {})),
            mark_grace_ms=_grace(content.get("mark_grace_ms", GRACE_MS)),
        )

    def check(self, outputs: Collection[str]) -> None:
        """Make sure that what is named here is among `outputs`, those of the indicators.

        Raises:
            ConfigError: naming key, value and remedy.
        """
        names = {*outputs, *(derived.name for derived in self.derived)}
        for derived in self.derived:
            if derived.name in outputs:
                raise ConfigError(f"derived.{derived.name}: an indicator has that output; choose another name")
            for operand in (operand for pair in derived.of for operand in pair):
                if isinstance(operand, str) and operand != PRICE:
                    _among(operand, outputs, f"derived.{derived.name}.of", "output of an indicator here")
        for name, _ in self.stale_outputs:
            _among(name, outputs, "stale.outputs", "output of an indicator here")
        for name in self.history or ():
            _among(name, names, "history", "output of this set")


KEYS: Final = (
    "name",
    "indicators",
    "bars",
    "publish_bars",
    "history",
    "ttl",
    "references",
    "sessions",
    "gaps",
    "stale",
    "derived",
    "mark_grace_ms",
)
"""Every key of a feature-set file."""


def known(where: str, table: Mapping[str, Any], keys: Collection[str]) -> None:
    """Refuse a key that is none of `keys`, by name and with near ones."""
    for key in table:
        if key not in keys:
            near = get_close_matches(key, keys, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else f"remove it, or use {', '.join(keys)}"
            raise ConfigError(f"unknown key {where + key!r}; {remedy}")


def _among(name: str, names: Collection[str], where: str, what: str) -> None:
    if name not in names:
        near = get_close_matches(name, names, n=2)
        remedy = f"did you mean {' or '.join(map(repr, near))}?" if near else "see the outputs of its indicators"
        raise ConfigError(f"{where}: {name!r} is no {what}; {remedy}")


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} = {value!r}: write a table, [{where}]")
    return value


def _table(content: Mapping[str, Any], key: str, keys: Collection[str]) -> Mapping[str, Any]:
    table = _mapping(content.get(key, {}), key)
    known(f"{key}.", table, keys)
    return table


def _texts(value: Any, where: str, example: str) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"{where} = {value!r}: write a list of names, for example {example}")
    return list(value)


def _flag(table: Mapping[str, Any], key: str, where: str, *, default: bool) -> bool:
    value = table.get(key, default)
    if not isinstance(value, bool):
        raise ConfigError(f"{where}{key} = {value!r}: write true or false")
    return value


def _seconds(table: Mapping[str, Any], key: str, where: str) -> float | None:
    value = table.get(key)
    if value is None:
        return None
    if not _is_number(value) or not 1e-9 <= value <= 1e9:
        raise ConfigError(f"{where}{key} = {value!r}: write seconds above 0, or leave it out")
    return float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _bars(value: Any) -> tuple[Interval, ...]:
    found: dict[str, Interval] = {}
    for text in _texts(value, "bars", "['1m', '100t']"):
        try:
            read = interval(text)
        except ConfigError as error:
            raise ConfigError(f"bars: {error}") from None
        if read.name in found:
            raise ConfigError(f"bars: {text!r} is there already; remove one")
        found[read.name] = read
    return tuple(found.values())


def _references(value: Any) -> tuple[tuple[str, str], ...]:
    for alias, symbol in _mapping(value, "references").items():
        if not _ALIAS.fullmatch(alias):
            raise ConfigError(f"references: alias {alias!r}: write 1 to 16 of a-z 0-9 _, for example 'n225'")
        if not isinstance(symbol, str) or not _SYMBOL.fullmatch(symbol):
            raise ConfigError(f"references.{alias} = {symbol!r}: write a symbol, for example 'N225'")
    return tuple(value.items())


def _calendar(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{where} = {value!r}: write the name of a calendar, for example 'XTKS', or {ALWAYS!r}")
    return value


def _calendars(value: Any) -> tuple[tuple[str, str], ...]:
    for symbol, calendar in _mapping(value, "sessions.symbols").items():
        if not _SYMBOL.fullmatch(symbol):
            raise ConfigError(f"sessions.symbols: {symbol!r} is no symbol; write for example AAPL = 'XNYS'")
        _calendar(calendar, f"sessions.symbols.{symbol}")
    return tuple(value.items())


def _limits(value: Any) -> tuple[tuple[str, float], ...]:
    table = _mapping(value, "stale.outputs")
    return tuple((name, limit) for name in table if (limit := _seconds(table, name, "stale.outputs.")) is not None)


def _history(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    names = _texts(value, "history", "['rsi_14', 'macd']")
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"history: {name!r} is there twice; remove one")
    return tuple(names)


def _grace(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 3_600_000:
        raise ConfigError(f"mark_grace_ms = {value!r}: write whole milliseconds, 0 to 3600000")
    return value


def _derived(value: Any) -> tuple[Derived, ...]:
    return tuple(_one_derived(name, item) for name, item in _mapping(value, "derived").items())


def _one_derived(name: str, value: Any) -> Derived:
    where = f"derived.{name}"
    if not _OUTPUT.fullmatch(name) or name == PRICE:
        raise ConfigError(f"{where}: write a name of 1 to 32 of a-z 0-9 _ (and not {PRICE!r}), for example 'golden'")
    table = _mapping(value, where)
    known(f"{where}.", table, ("kind", "of"))
    kind, of = table.get("kind"), table.get("of")
    if kind == "cross":
        return Derived(name, "cross", (_pair(of, where),))
    if kind == "agreement":
        if not isinstance(of, list | tuple) or not of:
            raise ConfigError(
                f"{where}.of = {of!r}: write pairs, for example [['ema_12', 'ema_26'], ['price', 'sma_20']]"
            )
        return Derived(name, "agreement", tuple(_pair(pair, where) for pair in of))
    raise ConfigError(f"{where}.kind = {kind!r}: write 'cross' or 'agreement'")


def _pair(value: Any, where: str) -> tuple[Operand, Operand]:
    if (
        not isinstance(value, list | tuple)
        or len(value) != 2
        or not all(isinstance(item, str) or _is_number(item) for item in value)
        or not any(isinstance(item, str) for item in value)
    ):
        raise ConfigError(f"{where}.of: {value!r}: write two outputs, or one and a number, for example ['rsi_14', 70]")
    a, b = (item if isinstance(item, str) else float(item) for item in value)
    return a, b
