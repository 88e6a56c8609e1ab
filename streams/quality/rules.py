"""Which ticks are believed: the rules per symbol, and where the kernel finds them.

What a filter does and remembers: streams/quality/judge.py. How the rules are written down: streams/quality/file.py and
docs/filters.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from math import inf
from typing import Final

import numpy as np

from streams.columns import F64, I64
from streams.errors import TickRejected
from streams.quality import limits as at
from streams.sessions import ALWAYS, Sessions

NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000
REMEMBERED: Final = 16_384
"""Symbols whose rules are looked up once; beyond that all are looked up anew."""


@dataclass(frozen=True, slots=True)
class QualityRules:
    """What a tick of some symbols must be like; None and False ask for nothing."""

    future_max_ms: float | None = None
    """How far its time may be ahead of Kafka's, by the LogAppendTime of its record."""
    reject_duplicates: bool = False
    """A `seq` that came before is refused; trades and pure quotes count apart."""
    duplicate_restart_s: float = 10.0
    """A `seq` that is not above the highest, so long after it in event time, is the venue's that counts anew."""
    hours_calendar: str = ALWAYS
    """Exchange calendar outside whose sessions ticks are refused; `24/7` refuses none."""
    hours_early_s: float = 0.0
    """Sessions, and what follows a lunch break, begin so much earlier."""
    hours_late_s: float = 60.0
    """They end so much later: closing auctions print after the close."""
    conditions_allow: tuple[str, ...] | None = None
    """Every condition of a tick must be one of these."""
    conditions_deny: tuple[str, ...] = ()
    """No condition of a tick may be one of these."""
    price_min: float = 0.0
    """Of trades, and of both sides of a quote; in units of the quote currency."""
    price_max: float | None = None
    size_min: float = 0.0
    """Of trades that say their size, in units of the instrument."""
    size_max: float | None = None
    trade_jump_max_bps: float | None = None
    """How far the price of a trade may be from the rolling reference of trades."""
    quote_jump_max_bps: float | None = None
    """How far the middle of a quote may be from the rolling reference of quotes."""
    jump_span_ticks: float = 10.0
    """Span of that reference, an exponentially weighted mean: a new price has the weight 2 / (span + 1)."""
    jump_agree_bps: float = 100.0
    """Prices that are too far away agree while each is so near to the one before."""
    jump_rearm_ticks: int = 5
    """So many in a row that agree are the new level."""
    jump_rearm_s: float | None = 300.0
    """So long after the first that was too far, in event time, any price is; None: never."""
    reject_zero_sided: bool = False
    """A quote must have both sides, and neither of size 0."""
    reject_crossed: bool = False
    """The bid must not be above the ask."""
    reject_locked: bool = False
    """The bid must not be equal to the ask."""
    spread_max_bps: float | None = None
    """Of the quote's middle."""

    def bars(self, conditions: Iterable[str]) -> bool:
        """Whether a tick with these conditions is refused."""
        if self.conditions_allow is not None and any(c not in self.conditions_allow for c in conditions):
            return True
        return any(c in self.conditions_deny for c in conditions)

    @property
    def judges(self) -> bool:
        """Whether anything is asked for."""
        return self != QualityRules()

    def limits(self, hours: tuple[int, int]) -> F64:
        """Its row of limits; `hours`: the rows of its calendar in the segments."""
        row = np.zeros(at.LIMITS)
        row[at.ANY] = float(self.judges)
        row[at.FUTURE_NS] = _most(self.future_max_ms, NS_PER_MS)
        row[at.DUPLICATES] = float(self.reject_duplicates)
        row[at.RESTART_NS] = self.duplicate_restart_s * NS_PER_S
        row[at.HOURS : at.HOURS + 2] = hours
        row[at.EARLY_NS] = self.hours_early_s * NS_PER_S
        row[at.LATE_NS] = self.hours_late_s * NS_PER_S
        row[at.PRICE_MIN], row[at.PRICE_MAX] = self.price_min, _most(self.price_max)
        row[at.SIZE_MIN], row[at.SIZE_MAX] = self.size_min, _most(self.size_max)
        row[at.BOTH_SIDES] = float(self.reject_zero_sided)
        row[at.NOT_CROSSED] = float(self.reject_crossed)
        row[at.NOT_LOCKED] = float(self.reject_locked)
        row[at.SPREAD_BPS] = _most(self.spread_max_bps)
        row[at.TRADE_JUMP_BPS] = -1.0 if self.trade_jump_max_bps is None else self.trade_jump_max_bps
        row[at.QUOTE_JUMP_BPS] = -1.0 if self.quote_jump_max_bps is None else self.quote_jump_max_bps
        row[at.WEIGHT] = 2.0 / (self.jump_span_ticks + 1.0)
        row[at.AGREE_BPS] = self.jump_agree_bps
        row[at.REARM_TICKS] = float(self.jump_rearm_ticks)
        row[at.REARM_NS] = _most(self.jump_rearm_s, NS_PER_S)
        return row


def _most(value: float | None, unit: float = 1.0) -> float:
    return inf if value is None else value * unit


@dataclass(frozen=True)
class QualityFilters:
    """The rules of all symbols: of each those of its own section, else of the first pattern that fits it, else the
    default."""

    default: QualityRules = field(default_factory=QualityRules)
    sections: tuple[tuple[str, QualityRules], ...] = ()
    """Symbol, or pattern with `*`, `?` or `[...]`, and the rules of what fits it, in the order of the file."""
    allow: tuple[str, ...] | None = None
    """Symbols and patterns; a tick of any other is refused. None: every symbol is welcome."""

    def index(self, symbol: str) -> int:
        """Which row of `limits` is the symbol's."""
        found = self._indices.get(symbol)
        if found is None:
            if len(self._indices) >= REMEMBERED:
                self._indices.clear()
            found = self._indices[symbol] = self._find(symbol)
        return found

    def of(self, symbol: str) -> QualityRules:
        """The rules of a symbol."""
        return self._rules[self.index(symbol)]

    def check_allowed(self, symbol: str) -> None:
        """Refuse a symbol that is not on the list: nothing is remembered of it.

        Raises:
            TickRejected: as `not-allowed`.
        """
        if self.allow is not None and not self._is_allowed(symbol):
            raise TickRejected("not-allowed", f"symbol {symbol!r} fits nothing in `allow` of HAYATE_FILTERS; add it")

    @property
    def judge_conditions(self) -> bool:
        """Whether any symbol's conditions are looked at."""
        return any(rules.conditions_allow is not None or rules.conditions_deny for rules in self._rules)

    @cached_property
    def limits(self) -> F64:
        """[sections + 1, LIMITS]: the rows of streams.quality.limits, the default's first."""
        return np.array([rules.limits(self.sessions.bounds[rules.hours_calendar]) for rules in self._rules])

    @property
    def hours(self) -> I64:
        """The segments (streams/sessions.py) that the limits point to."""
        return self.sessions.segments

    @cached_property
    def sessions(self) -> Sessions:
        """The calendars that are named.

        Raises:
            ConfigError: for one that does not exist.
        """
        return Sessions.load(ALWAYS, {str(i): rules.hours_calendar for i, rules in enumerate(self._rules)})

    @cached_property
    def _rules(self) -> tuple[QualityRules, ...]:
        return (self.default, *(rules for _, rules in self.sections))

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {}

    @cached_property
    def _allowed(self) -> dict[str, bool]:
        return {}

    def _is_allowed(self, symbol: str) -> bool:
        found = self._allowed.get(symbol)
        if found is None:
            if len(self._allowed) >= REMEMBERED:
                self._allowed.clear()
            found = self._allowed[symbol] = any(fits(symbol, pattern) for pattern in self.allow or ())
        return found

    def _find(self, symbol: str) -> int:
        names = [name for name, _ in self.sections]
        if symbol in names:
            return names.index(symbol) + 1
        return next((i for i, name in enumerate(names, 1) if fits(symbol, name)), 0)


def fits(symbol: str, pattern: str) -> bool:
    """Whether a symbol is the one named, or fits a pattern with `*`, `?` or `[...]`; capitals count."""
    return symbol == pattern or fnmatchcase(symbol, pattern)


NO_FILTERS: Final = QualityFilters()
"""Everything that is a tick is believed."""
