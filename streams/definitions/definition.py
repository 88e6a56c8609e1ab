"""What a definition is, and what it is told.

A definition is the formula of one indicator family, written once more from its text and not from its step: plain Python
over a history of trades, bars, quotes or ticks. It shares no code with streams/indicators or the generated kernel, so
that a fault in one is not a fault in both. The auditor (streams/audit) holds what was served against it.

It is stepped with every event, which is cheap, and asked for its claims only where they are wanted, which may cost as
much as its window is long. Each claim has a slack: how far a right value may be from it, in terms of the rounding that
either side does.

Two kinds, by what they are made of:

- **Finite memory** (`memory` > 0): a window. Started in the middle, they claim nothing until that many steps have come.
- **Recursive** (`memory` == 0): averages, sums since the session's open. Started in the middle, they take up the state
  that was saved (`resume`) and follow by their own recursion from there. What was wrong before, such as a wrong seed,
  is then in the state, and is found only where the start itself is in the log.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import ClassVar, Final, Literal, NamedTuple

NAN: Final = nan
EPSILON: Final = 2.0**-52

On = Literal["trade", "quote", "tick"]
Need = Literal["quote", "trade size", "quote size"]
"""What a market may not send."""
OnGap = Literal["hold", "reset", "decay"]
"""What becomes of the state where data are missing, as docs/feature-sets.md has it."""


class Claim(NamedTuple):
    """What a value must be."""

    value: float
    """NaN: there must be none."""
    slack: float = 0.0
    """How far off it may be, in its own unit."""

    def allows(self, served: float) -> bool:
        """Whether `served` (NaN for none) is right."""
        if isnan(self.value) or isnan(served):
            return isnan(self.value) and isnan(served)
        return abs(served - self.value) <= self.slack


Claims = tuple[Claim | None, ...]
"""One per output; None: nothing can be said, because rounding decides which side of a border the value is on."""


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade, or a bar that closed; of a trade all four prices are one."""

    open: float
    high: float
    low: float
    close: float
    volume: float
    """Quantity, >= 0."""
    dollars: float
    """Price x quantity."""
    signed: float
    """Quantity bought less quantity sold by the aggressors."""
    sign: int
    """+1 bought, -1 sold by the aggressor, 0 unknown; 0 for a bar."""
    mid: float
    """Middle of the quote in force before, NaN for none."""
    session: int
    """Start of the session in seconds since the epoch, 0 outside."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote with both sides; sizes are NaN where the market does not send them."""

    bid: float
    ask: float
    bid_size: float
    ask_size: float

    @property
    def whole(self) -> bool:
        """Whether it has sizes and is not crossed."""
        return self.ask >= self.bid and not isnan(self.bid_size) and not isnan(self.ask_size)


@dataclass(frozen=True, slots=True)
class Moment:
    """A tick, whatever it is."""

    dt: float
    """Seconds of event time since the tick before, NaN at the first."""
    is_trade: bool
    since_trade: float
    """Seconds since the last trade, NaN before the first."""
    since_open: float
    """Seconds since the session's open, NaN outside."""
    phase: int
    """0 closed, 1 open, 2 break."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What a row of state holds of one indicator (the docstring of its family names the slots)."""

    count: int
    """Steps made."""
    state: Sequence[float]
    values: Sequence[float]
    """Its outputs as last computed."""
    previous: float
    """Last price, or close of the last bar; NaN for none."""

    @property
    def level(self) -> float:
        """That price, for what is measured by the highest; 0 for none."""
        return 0.0 if isnan(self.previous) else self.previous


class Definition:
    """Base of all; the parameters of the family are those of `__init__`."""

    outputs: ClassVar[tuple[str, ...]]
    """Names without parameters, in order."""
    on: ClassVar[On] = "trade"
    needs: ClassVar[frozenset[Need]] = frozenset()
    on_gap: ClassVar[OnGap] = "hold"
    by_session: ClassVar[bool] = False
    """Whether it depends on the session calendar."""
    warmup: tuple[int, ...]
    """Per output, the steps until its first value."""
    memory: int = 0
    """Steps after which nothing earlier plays a part; 0: for ever, and a saved row resumes it."""

    def take(self, trade: Trade) -> None:
        """One trade, or one bar that closed."""
        raise NotImplementedError

    def take_quote(self, quote: Quote, before: Quote | None) -> None:
        """One quote; `before`: the one in force until now."""
        raise NotImplementedError

    def take_moment(self, moment: Moment) -> None:
        """One tick."""
        raise NotImplementedError

    def claims(self) -> Claims:
        """What the outputs must be after the last step; asked only when the warm-up of one of them is over."""
        raise NotImplementedError

    def resume(self, saved: Saved) -> None:
        """Begin where a saved row is. What has a finite memory needs nothing of it."""


def same(value: float) -> Claim:
    """A value that both sides compute without any rounding of their own, up to its last digit."""
    return Claim(value, EPSILON * abs(value))


def near(value: float, relative: float, level: float = 0.0) -> Claim:
    """A value that may be off by `relative` of itself and by `level`."""
    return Claim(value, relative * abs(value) + level)


UNDEFINED: Final = Claim(NAN)
