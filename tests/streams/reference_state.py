"""What the reference engine remembers, and the calendar it looks at (streams/reference_engine.py)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Any

from streams import columns
from streams.indicators.indicator import Indicator
from tests.streams.probes import Definition

S = 1_000_000_000
DAY = 86_400 * S

Segment = tuple[int, int, int]
"""Start, end, start of the session, in nanoseconds."""

Value = tuple[float, int]
"""A number (NaN for none) and its flag."""


@dataclass(frozen=True)
class Event:
    """One row of the columns."""

    symbol: str
    offset: int
    ts_ns: int
    price: float = nan
    size: float = 0.0
    bid: float = nan
    ask: float = nan
    bid_size: float = nan
    ask_size: float = nan
    side: int = 0
    seq: int = -1
    clock: float = 0.0
    kind: int = columns.TICK
    reference: tuple[float, ...] = ()
    arrival_ns: int = -1
    barred: int = 0


@dataclass
class Result:
    """What became of one event."""

    verdict: int
    price: float = nan
    values: list[Value] = field(default_factory=list)
    bars: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Bar:
    """An open bar."""

    start: int
    trades: list[tuple[int, float, float, float]] = field(default_factory=list)
    """Time, price, quantity, signed quantity."""
    missing: bool = False


@dataclass
class Model:
    """One indicator that keeps state: all inputs since the beginning or the last reset."""

    indicator: Indicator
    definition: Definition
    history: list[Mapping[str, float]] = field(default_factory=list)
    to_go: int = 0
    """Gapped until so many steps more."""

    def step(self, inputs: dict[str, float], *, missing: bool = False) -> None:
        self.history.append({**inputs, "count": float(len(self.history) + 1), **self.first(inputs)})
        self.to_go = max(self.to_go - 1, 0)
        if missing and self.indicator.family.on_gap != "reset":
            self.to_go = 1 if self.indicator.family.on_gap == "decay" else max(self.indicator.warmup)

    def first(self, inputs: dict[str, float]) -> dict[str, float]:
        """At the first step there is none before."""
        if self.history:
            return {}
        return {name: nan for name in inputs if name == "dt" or name.startswith("previous")}

    def copy(self) -> "Model":
        return Model(self.indicator, self.definition, list(self.history), self.to_go)

    def gap(self) -> None:
        policy = self.indicator.family.on_gap
        if policy == "reset":
            self.history, self.to_go = [], 0
        else:
            self.to_go = 2 if policy == "decay" else max(self.indicator.warmup)


@dataclass
class Symbol:
    """All that is remembered of one symbol."""

    models: dict[str, Model]
    offset: int = -1
    last: int | None = None
    clock: float | None = None
    tick: int | None = None
    prices: list[float] = field(default_factory=list)
    sign: int = 0
    trade: int | None = None
    trade_reference: tuple[float, ...] = ()
    quote: tuple[float, float, float, float] | None = None
    quoted: int | None = None
    seq: int | None = None
    came: set[str] = field(default_factory=set)
    open: dict[str, Bar] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    """Intervals whose next bar has missing data."""
    closed: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    """Ends and closes per interval."""
    sides: dict[str, float] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)
    early: int = 0


def session_at(segments: Sequence[Segment] | None, t: int) -> dict[str, float]:
    """The inputs that depend on the session; None is a market that never closes."""
    if segments is None:
        start, phase = t - t % DAY, 1
    else:
        start, phase = 0, 0
        for begin, end, session in segments:
            last = max(stop for _, stop, other in segments if other == session)
            if begin <= t < end:
                start, phase = session, 1
            elif session <= t < last and phase == 0:
                start, phase = session, 2
    if phase == 0:
        return {"session": 0.0, "since_open": nan, "phase": 0.0}
    return {"session": float(start // S), "since_open": (t - start) / S, "phase": float(phase)}


def in_session(segments: Sequence[Segment] | None, begin: int, end: int) -> int:
    """Nanoseconds of the span in which the market was open."""
    if segments is None:
        return end - begin
    return sum(max(0, min(end, stop) - max(begin, start)) for start, stop, _ in segments)
