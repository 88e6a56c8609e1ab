"""One symbol recomputed: the fold once more, the slow and obvious way, from the text of what it must do.

It shares no code with the kernel. What is the same is how records are decoded and what a feature set's file says.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isnan, nan
from typing import Literal

from streams.audit.event import Event
from streams.audit.model import Model
from streams.audit.open_bar import Bars, OpenBar
from streams.audit.quote_level import QuoteLevel
from streams.definitions.catalogue import define
from streams.definitions.definition import Definition, Moment, Quote, Trade
from streams.definitions.exchange_hours import Market
from streams.feature_set import FeatureSet
from streams.indicators.indicator import Indicator

S = 1_000_000_000
Verdict = Literal["applied", "warm", "late", "skipped", "mark"]


@dataclass
class Memory:
    """All that is remembered of a symbol besides its models."""

    offset: int = -1
    last_ns: int | None = None
    """Event time of the last tick."""
    clock: float | None = None
    tick_ns: int | None = None
    price: float = nan
    """Of the last trade; NaN before the first."""
    different: float = nan
    """The last price that was another one."""
    trade_ns: int | None = None
    quote: Quote | None = None
    """The one in force."""
    quote_ns: int | None = None
    level: QuoteLevel = field(default_factory=QuoteLevel)
    """What the filters compare quotes with."""
    seq: int | None = None
    came: set[str] = field(default_factory=set)
    """What ever came: `quote`, `trade size`, `quote size`."""
    sides: dict[str, float] = field(default_factory=dict)
    """Of each cross, where it was last."""
    unsure: set[str] = field(default_factory=set)
    """Crosses that may have a side which is not known here."""


class Recomputed:
    """Folds the events of one symbol."""

    def __init__(
        self, feature_set: FeatureSet, market: Market, *, lateness_ns: int = 5 * S, fold_late: bool = False
    ) -> None:
        self.set = feature_set
        self.market = market
        self._lateness_ns, self._fold_late = lateness_ns, fold_late
        self.memory = Memory()
        self.now_ns = 0
        """Effective time of the last tick."""
        self.models: dict[str, Model] = {}
        self.bars = {interval.name: Bars() for interval in feature_set.intervals}
        self._on: dict[str, list[Model]] = {"trade": [], "quote": [], "tick": []}
        self._on_bars: dict[str, list[Model]] = {name: [] for name in self.bars}
        for indicator in feature_set.indicators:
            make = _maker(indicator)
            if make is None or indicator.held in self.models:
                continue
            model = self.models[indicator.held] = Model(make)
            if indicator.interval is not None:
                self._on_bars[indicator.interval.name].append(model)
            else:
                self._on[model.definition.on].append(model)

    def fold(self, event: Event) -> Verdict:
        """Take one event."""
        m = self.memory
        if event.offset <= m.offset:
            return "skipped"
        if event.kind == "clock":
            self._clock(event)
            return "mark"
        m.offset = event.offset
        if event.kind == "gap":
            self._gap()
            return "mark"
        if self.is_late(event):
            return "late"
        t = self.now_ns = event.ts_ns if m.last_ns is None else max(m.last_ns, event.ts_ns)
        missing = self._misses(event, t)
        if missing:
            self._gap()
        m.last_ns, m.clock = t, event.clock
        for interval in self.set.intervals:
            bars = self.bars[interval.name]
            if interval.kind == "time" and bars.open is not None:
                end = bars.open.start_ns + int(interval.size) * S
                if end <= t:
                    self._close(interval.name, end)
                    bars.missing |= missing
        if event.is_trade:
            self._trade(event, t)
        self._quote(event, t)
        self._tick(event, t)
        m.tick_ns = t
        return "applied" if event.kind == "tick" else "warm"

    def pass_over(self, event: Event, *, counts: bool) -> None:
        """A tick that was rejected: nothing but its sequence number is taken, and that only if it `counts`."""
        self.memory.offset = event.offset
        if counts and self.memory.seq is not None and event.seq == self.memory.seq + 1:
            self.memory.seq = event.seq

    def is_late(self, event: Event) -> bool:
        """Whether a tick is older than the last one by more than is allowed."""
        last = self.memory.last_ns
        return last is not None and event.ts_ns < last - self._lateness_ns and not self._fold_late

    def open_bar(self, indicator: Indicator) -> tuple[Trade, bool] | None:
        """The open bar that a live output is made with, and whether data are missing in it; None without one."""
        bar = self.bars[indicator.interval.name].open if indicator.interval else None
        return None if bar is None else (bar.closed(self._session()), bar.missing)

    def _misses(self, event: Event, t: int) -> bool:
        m, options, found = self.memory, self.set.options, False
        if options.silence_s is not None and m.tick_ns is not None:
            limit = round(options.silence_s * S)
            found = t - m.tick_ns > limit and self.market.open_between(m.tick_ns, t) > limit
        if options.sequence and 0 <= event.seq < 2**63 - 1:
            found |= m.seq is not None and event.seq != m.seq + 1
            m.seq = event.seq
        return found

    def _gap(self) -> None:
        for model in self.models.values():
            model.gap()
        for bars in self.bars.values():
            if bars.open is not None:
                bars.open.missing = True
            else:
                bars.missing = True

    def _clock(self, event: Event) -> None:
        m = self.memory
        if m.clock != event.clock:
            return
        due = event.ts_ns - self.set.options.mark_grace_ms * 1_000_000
        for interval in self.set.intervals:
            bar = self.bars[interval.name].open
            if interval.kind != "time" or bar is None:
                continue
            end = bar.start_ns + int(interval.size) * S
            if end <= due:
                self._close(interval.name, end)
                assert m.last_ns is not None, "there was a trade"
                m.offset, m.last_ns = event.offset, max(m.last_ns, end)

    def _session(self) -> int:
        return self.market.at(self.memory.trade_ns).session if self.memory.trade_ns is not None else 0

    def _close(self, name: str, end: int) -> None:
        bars = self.bars[name]
        assert bars.open is not None, "only an open bar closes"
        closed = bars.open.closed(self._session())
        for model in self._on_bars[name]:
            model.take_bar(closed, missing=bars.open.missing)
        bars.end_ns, bars.close, bars.open = end, bars.open.close, None

    def _sign(self, event: Event) -> int:
        """The aggressor by the venue, else by the quote in force before, else by the tick rule."""
        m = self.memory
        if event.side:
            return event.side
        if m.quote is not None:
            middle = (m.quote.bid + m.quote.ask) / 2
            if event.price != middle:
                return 1 if event.price > middle else -1
        before = m.price if event.price != m.price else m.different
        return (event.price > before) - (event.price < before)

    def _trade(self, event: Event, t: int) -> None:
        m, price, size = self.memory, event.price, event.size
        sign = self._sign(event)
        middle = (m.quote.bid + m.quote.ask) / 2 if m.quote is not None else nan
        trade = Trade(
            price, price, price, price, size, price * size, sign * size, sign, middle, self.market.at(t).session
        )
        if price != m.price:
            m.different = m.price
        m.price, m.trade_ns = price, t
        if size > 0:
            m.came.add("trade size")
        for model in self._on["trade"]:
            model.take(trade)
        for interval in self.set.intervals:
            bars = self.bars[interval.name]
            if bars.open is None:
                length = int(interval.size) * S
                start = t - t % length if interval.kind == "time" else t
                bars.open = OpenBar.begun(start, price, missing=bars.missing)
                bars.missing = False
            bars.open.take(price, size, sign * size)
            if interval.kind != "time" and bars.open.filled(interval.kind) >= interval.size:
                self._close(interval.name, t)

    def _quote(self, event: Event, t: int) -> None:
        m = self.memory
        if not event.is_quote:
            if not isnan(event.bid) or not isnan(event.ask):
                m.quote = None  # one side only leaves none in force
            return
        before, m.quote = m.quote, Quote(event.bid, event.ask, event.bid_size, event.ask_size)
        m.quote_ns = t
        m.came.add("quote")
        if not isnan(event.bid_size) and not isnan(event.ask_size):
            m.came.add("quote size")
        for model in self._on["quote"]:
            model.take_quote(m.quote, before)

    def _tick(self, event: Event, t: int) -> None:
        m = self.memory
        if not self._on["tick"]:
            return
        place = self.market.at(t)
        since_trade = (t - m.trade_ns) / S if m.trade_ns is not None else nan
        dt = (t - m.tick_ns) / S if m.tick_ns is not None else nan
        moment = Moment(dt, event.is_trade, since_trade, place.since_open, place.phase)
        for model in self._on["tick"]:
            model.take_moment(moment)


def _maker(indicator: Indicator) -> Callable[[], Definition] | None:
    family, parameters = indicator.family.name, indicator.parameters
    return None if define(family, parameters) is None else lambda: define(family, parameters)  # type: ignore[return-value] # there is one
