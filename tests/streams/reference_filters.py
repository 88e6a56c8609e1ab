"""The filters once more, the slow and obvious way: whole histories, sets and lists, nothing from the kernel.

What it says comes from docs/filters.md.
"""

# ruff: noqa: PLR0911 - one return per case

from dataclasses import dataclass, field
from math import inf, isnan, nan

from streams.quality.rules import QualityRules
from tests.streams.reference_state import Event, S

KEPT = 16
FURTHEST = 2**53
MS = 1_000_000

Hours = tuple[tuple[int, int], ...]
"""Begin and end of each stretch of opening, in nanoseconds; empty for a market that never closes."""


@dataclass
class Numbers:
    """Sequence numbers of one kind of tick."""

    base: int = 0
    came: set[int] = field(default_factory=set)
    highest_ns: int = 0

    def begin(self, seq: int, ns: int) -> None:
        self.base, self.came, self.highest_ns = seq, {seq}, ns

    def duplicate(self, seq: int, ns: int, restart_ns: float) -> bool:
        if seq < 0:
            return False
        if not self.came or seq - self.base >= FURTHEST:
            self.begin(seq, ns)
            return False
        if seq > max(self.came):
            self.came.add(seq)
            self.highest_ns = ns
            return False
        if seq == max(self.came):
            return True
        if ns - self.highest_ns > restart_ns:
            self.begin(seq, ns)
            return False
        kept = sorted(self.came)[-KEPT:]
        if seq in kept or (len(kept) == KEPT and seq < kept[0]) or seq - self.base <= -FURTHEST:
            return True
        self.came.add(seq)
        return False


@dataclass
class Level:
    """Prices of one kind of tick."""

    near: list[float] = field(default_factory=list)
    """Believed since the level began."""
    far: list[tuple[int, float]] = field(default_factory=list)
    """Time and price of those that were not, since one was."""

    def reference(self, span: float) -> float:
        mean = nan
        for price in self.near:
            mean = price if isnan(mean) else mean + 2.0 / (span + 1.0) * (price - mean)
        return mean

    def jumps(self, ns: int, price: float, most_bps: float, rules: QualityRules) -> bool:
        reference = self.reference(rules.jump_span_ticks)
        if self.near and abs(price - reference) * 1e4 > most_bps * reference:
            self.far.append((ns, price))
            run = 1
            for (_, before), (_, after) in zip(self.far[-2::-1], self.far[:0:-1], strict=True):
                if abs(after - before) * 1e4 > rules.jump_agree_bps * before:
                    break
                run += 1
            patience_ns = inf if rules.jump_rearm_s is None else rules.jump_rearm_s * S
            if run < rules.jump_rearm_ticks and ns - self.far[0][0] <= patience_ns:
                return True
            self.near = []
        self.near.append(price)
        self.far = []
        return False


@dataclass
class ReferenceFilters:
    """The filters of one symbol."""

    rules: QualityRules
    hours: Hours = ()
    numbers: dict[bool, Numbers] = field(default_factory=lambda: {True: Numbers(), False: Numbers()})
    """Of trades (True) and of pure quotes."""
    levels: dict[bool, Level] = field(default_factory=lambda: {True: Level(), False: Level()})
    left_out: int = 0

    def judge(self, event: Event, *, late: bool) -> tuple[str, bool]:
        """The reason, empty for a tick that is believed; and whether its quote is."""
        rules, traded = self.rules, not isnan(event.price)
        ahead = rules.future_max_ms
        if ahead is not None and event.arrival_ns >= 0 and event.ts_ns - event.arrival_ns > ahead * MS:
            return "future", True
        restart_ns = rules.duplicate_restart_s * S
        if rules.reject_duplicates and self.numbers[traded].duplicate(event.seq, event.ts_ns, restart_ns):
            return "duplicate", True
        if late:
            return "late", True
        if self.hours and not any(
            begin - rules.hours_early_s * S <= event.ts_ns < end + rules.hours_late_s * S for begin, end in self.hours
        ):
            return "closed", True
        if event.barred:
            return "condition", True
        if traded and (reason := self._trade(event)):
            return reason, True
        if isnan(event.bid) and isnan(event.ask):
            return "", True
        reason = self._quote(event)
        if reason and traded:
            self.left_out += 1
            return "", False
        return reason, True

    def _trade(self, event: Event) -> str:
        rules = self.rules
        if not rules.price_min <= event.price <= _most(rules.price_max):
            return "price-range"
        if event.size > 0 and not rules.size_min <= event.size <= _most(rules.size_max):
            return "size-range"
        most = rules.trade_jump_max_bps
        return "jump" if most is not None and self.levels[True].jumps(event.ts_ns, event.price, most, rules) else ""

    def _quote(self, event: Event) -> str:
        rules = self.rules
        both = not isnan(event.bid) and not isnan(event.ask)
        sizes = (event.bid_size, event.ask_size)
        if rules.reject_zero_sided and (not both or 0.0 in sizes or sum(map(isnan, sizes)) == 1):
            return "zero-sided"
        if not both:
            return ""
        if not all(rules.price_min <= side <= _most(rules.price_max) for side in (event.bid, event.ask)):
            return "price-range"
        if rules.reject_crossed and event.bid > event.ask:
            return "crossed"
        if rules.reject_locked and event.bid == event.ask:
            return "locked"
        if (event.ask - event.bid) * 2e4 > _most(rules.spread_max_bps) * (event.bid + event.ask):
            return "spread"
        most, middle = rules.quote_jump_max_bps, (event.bid + event.ask) / 2
        return "jump" if most is not None and self.levels[False].jumps(event.ts_ns, middle, most, rules) else ""


def _most(limit: float | None) -> float:
    return inf if limit is None else limit
