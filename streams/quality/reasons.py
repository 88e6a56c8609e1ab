"""What is said of a tick that was not folded: a short fixed word, and a sentence for a person."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from streams.columns import (
    CLOSED,
    CONDITION,
    CROSSED,
    DUPLICATE,
    FUTURE,
    JUMPED,
    LATE,
    LOCKED,
    PRICE_RANGE,
    SIZE_RANGE,
    SPREAD,
    ZERO_SIDED,
    TickColumns,
)
from streams.layout import KEEPS
from streams.quality.rules import QualityRules

REASONS: Final = {
    LATE: "late",
    FUTURE: "future",
    DUPLICATE: "duplicate",
    CLOSED: "closed",
    CONDITION: "condition",
    PRICE_RANGE: "price-range",
    SIZE_RANGE: "size-range",
    ZERO_SIDED: "zero-sided",
    CROSSED: "crossed",
    LOCKED: "locked",
    SPREAD: "spread",
    JUMPED: "jump",
}
"""Verdict -> reason, for all that is rejected by the kernel."""


class One:
    """One tick of the columns, as the sentences look at it."""

    def __init__(self, columns: TickColumns, i: int, rules: QualityRules, compared: float) -> None:
        self.rules = rules
        self.compared = compared
        """Of a jump: the reference."""
        self.ts_ns, self.arrival_ns, self.seq = (
            int(column[i]) for column in (columns.ts_ns, columns.arrival_ns, columns.seq)
        )
        names = ("price", "size", "bid", "ask", "bid_size", "ask_size")
        self._numbers = {name: float(getattr(columns, name)[i]) for name in names}

    def __getattr__(self, name: str) -> Any:
        return self._numbers[name]

    @property
    def traded(self) -> bool:
        """Whether it has a price."""
        return bool(not np.isnan(self.price))

    @property
    def at(self) -> str:
        """Its time, for a person."""
        return f"{np.datetime64(self.ts_ns, 'ns')}Z"


def detail_of(verdict: int, columns: TickColumns, i: int, rules: QualityRules, compared: float) -> str:
    """Why tick i of `columns` was rejected (`verdict` is a key of REASONS but LATE): what it has, the limit that it
    breaks by the name of its key, and what can be done. `compared`: its `Folded.price`."""
    return f"{_SENTENCES[verdict](One(columns, i, rules, compared))} (HAYATE_FILTERS)"


def _future(one: One) -> str:
    ahead_ms = (one.ts_ns - one.arrival_ns) / 1e6
    return (
        f"ts_ns {one.ts_ns} is {ahead_ms:.3f} ms ahead of Kafka's clock, future_max_ms is {one.rules.future_max_ms:g}; "
        "set the clock of the one that is wrong, or allow more"
    )


def _duplicate(one: One) -> str:
    what = "trades" if one.traded else "quotes"
    return (
        f"seq {one.seq} came before, or is below the highest {KEEPS} of this symbol's {what}; a venue that counts anew "
        f"is believed duplicate_restart_s={one.rules.duplicate_restart_s:g} after its last number"
    )


def _closed(one: One) -> str:
    rules = one.rules
    return (
        f"{one.at} is outside the sessions of hours_calendar={rules.hours_calendar!r} (hours_early_s="
        f"{rules.hours_early_s:g}, hours_late_s={rules.hours_late_s:g})"
    )


def _price_range(one: One) -> str:
    what = f"price {one.price!r}" if one.traded else f"bid {one.bid!r} or ask {one.ask!r}"
    return f"{what} is outside price_min={one.rules.price_min:g} and price_max={_shown(one.rules.price_max)}"


def _zero_sided(one: One) -> str:
    return f"a side is empty: bid_size {one.bid_size!r}, ask_size {one.ask_size!r}; reject_zero_sided is on"


def _jump(one: One) -> str:
    rules, traded = one.rules, one.traded
    price = one.price if traded else (one.bid + one.ask) / 2
    key, most = (
        ("trade_jump_max_bps", rules.trade_jump_max_bps) if traded else ("quote_jump_max_bps", rules.quote_jump_max_bps)
    )
    far_bps = abs(price / one.compared - 1) * 1e4
    return (
        f"{'price' if traded else 'middle'} {price!r} is {far_bps:.1f} bps from the reference {one.compared!r}, {key} "
        f"is {_shown(most)}; believed with the {rules.jump_rearm_ticks}th that agrees, or jump_rearm_s="
        f"{_shown(rules.jump_rearm_s)} after the first"
    )


def _shown(limit: float | None) -> str:
    return "none" if limit is None else f"{limit:g}"


_SENTENCES: Final[dict[int, Callable[[One], str]]] = {
    FUTURE: _future,
    DUPLICATE: _duplicate,
    CLOSED: _closed,
    CONDITION: lambda _: "its conditions are not all in conditions_allow, or one is in conditions_deny",
    PRICE_RANGE: _price_range,
    SIZE_RANGE: lambda one: (
        f"size {one.size!r} is outside size_min={one.rules.size_min:g} and size_max={_shown(one.rules.size_max)}"
    ),
    ZERO_SIDED: _zero_sided,
    CROSSED: lambda one: f"bid {one.bid!r} is above ask {one.ask!r}; reject_crossed is on",
    LOCKED: lambda one: f"bid {one.bid!r} is equal to ask {one.ask!r}; reject_locked is on",
    SPREAD: lambda one: (
        f"bid {one.bid!r} and ask {one.ask!r} are {(one.ask - one.bid) / (one.ask + one.bid) * 2e4:.1f} bps apart, "
        f"spread_max_bps is {_shown(one.rules.spread_max_bps)}"
    ),
    JUMPED: _jump,
}
