"""Files of filters, in TOML: read, checked, and refused by name where something is wrong.

    allow = ["7203", "BTC/*"]      # without it every symbol is welcome
    [default]                      # of every symbol without a section of its own
    future_max_ms = 2000
    [symbols."BTC/*"]              # a symbol or a pattern; what it does not say is as in [default]
    trade_jump_max_bps = 300

The keys are the fields of streams.quality.rules.QualityRules.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from math import inf, isfinite
from pathlib import Path
from typing import Any, Final

from streams.errors import ConfigError
from streams.feature_set_options import known
from streams.quality.rules import NO_FILTERS, QualityFilters, QualityRules

SECTIONS: Final = ("allow", "default", "symbols")
KEYS: Final = tuple(each.name for each in fields(QualityRules))
_PATTERN: Final = re.compile(r"[A-Za-z0-9._/*?\[\]!-]{1,64}")
_CONDITION_CHARS: Final = 16
MAX_MS: Final = 3.2e10
MAX_S: Final = 3.2e7
"""A year: beyond it a limit is none."""


def load_filters(source: str) -> QualityFilters:
    """Read a file of filters; an empty `source` asks for none.

    Raises:
        ConfigError: naming file, key, value and remedy.
    """
    if not source:
        return NO_FILTERS
    path = Path(source)
    where = f"HAYATE_FILTERS={path}"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{where}: {error.strerror}; name a readable TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where}: not TOML ({error}); see docs/filters.md") from None
    try:
        return filters_of(content)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def filters_of(content: Mapping[str, Any]) -> QualityFilters:
    """The filters that the content of a file asks for.

    Raises:
        ConfigError: naming key, value and remedy.
    """
    known("", content, SECTIONS)
    default = _section(_table(content.get("default", {}), "default"), "default.", QualityRules())
    sections = []
    for name, table in _table(content.get("symbols", {}), "symbols").items():
        _pattern(name, "symbols")
        where = f'symbols."{name}"'
        sections.append((name, _section(_table(table, where), f"{where}.", default)))
    allow = content.get("allow")
    if allow is not None:
        allow = _texts(allow, "allow", '["7203", "BTC/*"]')
        for name in allow:
            _pattern(name, "allow")
    filters = QualityFilters(default, tuple(sections), allow)
    filters.sessions  # noqa: B018 - a calendar that does not exist is refused now
    return filters


def _section(table: Mapping[str, Any], where: str, base: QualityRules) -> QualityRules:
    known(where, table, KEYS)
    rules = replace(base, **{key: READERS[key](value, f"{where}{key}") for key, value in table.items()})
    for least, most in (("price_min", "price_max"), ("size_min", "size_max")):
        low, high = getattr(rules, least), getattr(rules, most)
        if high is not None and low >= high:
            raise ConfigError(f"{where}{least} = {low!r} is not below {most} = {high!r}; no tick would pass")
    if rules.conditions_allow is not None and (both := set(rules.conditions_allow) & set(rules.conditions_deny)):
        raise ConfigError(f"{where}conditions_allow and conditions_deny both have {min(both)!r}; leave it in one")
    return rules


def _number(least: float, most: float, unit: str, *, none: bool = False) -> Callable[[Any, str], float | None]:
    def read_number(value: Any, where: str) -> float | None:
        if none and value is False:
            return None
        good = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
        if not good or not least <= value <= most:
            bounds = f"{least:g} to {most:g}" if most < inf else f"{least:g} or more"
            raise ConfigError(f"{where} = {value!r}: write {unit}, {bounds}{', or false for none' if none else ''}")
        return float(value)

    return read_number


def _whole(value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 2 <= value <= 1_000_000:
        raise ConfigError(f"{where} = {value!r}: write a whole number of ticks, 2 to 1000000")
    return value


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{where} = {value!r}: write true or false")
    return value


def _calendar(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{where} = {value!r}: write the name of a calendar, for example 'XTKS', or '24/7' for none")
    return value


def _conditions(value: Any, where: str) -> tuple[str, ...]:
    found = _texts(value, where, '["auction", "odd-lot"]')
    for text in found:
        if not 0 < len(text) <= _CONDITION_CHARS:
            raise ConfigError(f"{where}: {text!r} is no condition; write 1 to {_CONDITION_CHARS} characters")
    return found


def _allowed_conditions(value: Any, where: str) -> tuple[str, ...] | None:
    return None if value is False else _conditions(value, where)


def _texts(value: Any, where: str, example: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"{where} = {value!r}: write a list of texts, for example {example}")
    return tuple(value)


def _pattern(name: str, where: str) -> None:
    if not _PATTERN.fullmatch(name):
        raise ConfigError(f"{where}: {name[:64]!r} fits no symbol; write a symbol or a pattern, for example 'BTC/*'")


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} = {value!r}: write a table, [{where}]")
    return value


_BPS: Final = _number(0.001, 1e9, "basis points", none=True)
_PRICE: Final = "a price in the symbol's own units"
_SIZE: Final = "a size in the symbol's own units"
READERS: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "future_max_ms": _number(0.0, MAX_MS, "milliseconds", none=True),
    "reject_duplicates": _flag,
    "duplicate_restart_s": _number(0.0, MAX_S, "seconds"),
    "hours_calendar": _calendar,
    "hours_early_s": _number(0.0, 86_400.0, "seconds"),
    "hours_late_s": _number(0.0, 86_400.0, "seconds"),
    "conditions_allow": _allowed_conditions,
    "conditions_deny": _conditions,
    "price_min": _number(0.0, inf, _PRICE),
    "price_max": _number(0.0, inf, _PRICE, none=True),
    "size_min": _number(0.0, inf, _SIZE),
    "size_max": _number(0.0, inf, _SIZE, none=True),
    "trade_jump_max_bps": _BPS,
    "quote_jump_max_bps": _BPS,
    "jump_span_ticks": _number(1.0, 1e6, "ticks"),
    "jump_agree_bps": _number(0.0, 1e9, "basis points"),
    "jump_rearm_ticks": _whole,
    "jump_rearm_s": _number(0.0, MAX_S, "seconds", none=True),
    "reject_zero_sided": _flag,
    "reject_crossed": _flag,
    "reject_locked": _flag,
    "spread_max_bps": _BPS,
}
"""What each key takes; `false` turns off in a section what [default] asks for."""
