"""The row: where each number of a symbol's state is.

A row is one flat float64 vector, and all zeros is the row of a symbol that was never seen:

    common        the slots named below: last trade, quote in force, counters, what the filters remember
    references    per reference symbol its price when the symbol last traded, 0 before there was one
    bars          per interval the open bar and what is kept of the last closed one (BAR slots each)
    derived       per `cross` the side on which it last was, 0 for unknown
    indicators    per indicator [steps, gapped steps to go], its outputs as last computed, its own slots

A time is two slots, whole seconds and nanoseconds beyond them, which float64 holds exactly. Beside its row a symbol has
two integers: the offset of the last record that was judged and the event time of the last tick that was folded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from streams.bars import Interval
from streams.indicators.indicator import Indicator

LAYOUT: Final = 3
"""Raised with every change of the layout."""

TRADES: Final = 0
PRICE: Final = 1
TRADE_S: Final = 2
TRADE_NS: Final = 3
DIFFERENT: Final = 4
"""Last price that was not PRICE, for the tick rule; 0 for none."""
SIGN: Final = 5
"""Of the last trade: +1 bought, -1 sold by the aggressor, 0 unknown."""
SIZED_TRADES: Final = 6
"""Trades that had a quantity."""
QUOTES: Final = 7
"""Quotes with both sides."""
BID: Final = 8
"""Of the quote in force; 0 where none is."""
ASK: Final = 9
BID_SIZE: Final = 10
ASK_SIZE: Final = 11
QUOTE_S: Final = 12
"""Time of the last quote with both sides, in force or not."""
QUOTE_NS: Final = 13
SIZED_QUOTES: Final = 14
"""Quotes that had both quantities."""
TICKS: Final = 15
TICK_S: Final = 16
TICK_NS: Final = 17
SEQ_HIGH: Final = 18
"""Last sequence number plus 1, its upper 31 bits and its lower 32; both 0 for none."""
SEQ_LOW: Final = 19
CLOCK: Final = 20
"""Clock of the last tick."""
SILENCES: Final = 21
"""Gaps, by what told them: silence in session, a sequence number left out, a mark."""
JUMPS: Final = 22
GAP_MARKS: Final = 23
LATE_INTO_BAR: Final = 24
"""Trades folded late, whose own time lies before the start of a time bar that they went into."""
LEFT_OUT: Final = 25
"""Quotes that a filter left out of their trades."""
FILTERED_TRADES: Final = 26
"""What the filters remember of trades (FILTERED slots), and behind it of pure quotes (streams/quality/judge.py)."""

# Slots of what the filters remember.
REFERENCE: Final = 0
"""Rolling reference that prices (of quotes: middles) are compared with; 0 before the first."""
CANDIDATE: Final = 1
"""Price of the last one that was too far from it."""
AGREEING: Final = 2
"""How many of those agree with each other, counted back from the last one; 0: the last one was near the reference."""
FAR_S: Final = 3
"""Time of the first of those since one was near."""
FAR_NS: Final = 4
JUMP: Final = 5
"""Slots so far: all that a copy of a reference symbol needs."""
KEPT: Final = 5
"""How many sequence numbers are kept."""
NEWEST: Final = 6
"""Which of them is the highest."""
BASE_HIGH: Final = 7
"""The number that they are counted from, its upper 31 bits and its lower 32."""
BASE_LOW: Final = 8
HIGHEST_S: Final = 9
"""Time of the tick with the highest."""
HIGHEST_NS: Final = 10
NUMBERS: Final = 11
"""The highest numbers that came, less the base, in a ring: ascending up to NEWEST."""
KEEPS: Final = 16
"""Room in that ring."""
FILTERED: Final = NUMBERS + KEEPS
FILTERED_QUOTES: Final = FILTERED_TRADES + FILTERED
COMMON: Final = FILTERED_QUOTES + FILTERED
EARLIER_COMMON: Final = {2: 25}
"""Layout -> how many slots the common part had; those that came later follow them."""

# What a symbol has beside its row, as int64: the columns of `StateBlock.places`.
LAST_OFFSET: Final = 0
LAST_TS: Final = 1
SEGMENTS: Final = 2
"""Where its calendar's segments begin, and in the next column end (streams/sessions.py)."""
RULES: Final = 4
"""Which row of the filters' limits is its own (streams/quality/rules.py)."""
OPEN_FROM: Final = 5
"""The stretch of trading hours that the filters found last, and in the next column its end; derived, never saved."""
OPEN_UNTIL: Final = 6
PLACES: Final = 7
NEVER: Final = -(2**63)
"""LAST_TS of a symbol that has no tick yet."""

# Slots of one interval.
BAR_TRADES: Final = 0
"""Trades in the open bar; 0: there is none, and the six numbers after it mean nothing."""
OPEN: Final = 1
HIGH: Final = 2
LOW: Final = 3
CLOSE: Final = 4
VOLUME: Final = 5
DOLLARS: Final = 6
SIGNED: Final = 7
START_S: Final = 8
START_NS: Final = 9
TOUCHED: Final = 10
"""1 where data are missing in the bar that is open, or that opens next."""
CLOSED: Final = 11
"""Bars that closed; the end and the close of the last one follow."""
END_S: Final = 12
END_NS: Final = 13
LAST_CLOSE: Final = 14
BAR: Final = 15

# Slots of one indicator.
STEPS: Final = 0
"""Steps since the beginning or the last reset."""
TO_GO: Final = 1
"""The outputs are gapped until so many steps more have been made."""
VALUES: Final = 2
"""Where its outputs begin."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one indicator has its state. A live variant has none of its own: its place is that of its closed bars."""

    indicator: Indicator
    """As it steps: not live."""
    at: int

    @property
    def slots(self) -> slice:
        """All of it."""
        return slice(self.at, self.states.stop)

    @property
    def outputs(self) -> slice:
        """Its outputs as last computed."""
        return slice(self.at + VALUES, self.at + VALUES + len(self.indicator.outputs))

    @property
    def states(self) -> slice:
        """What the step calls `state`."""
        return slice(self.outputs.stop, self.outputs.stop + self.indicator.state_size)


@dataclass(frozen=True, slots=True)
class Layout:
    """The row of one feature set."""

    references: int
    """Slot of the first reference price."""
    bars: tuple[int, ...]
    """Per interval, its first slot."""
    derived: int
    """Slot of the first cross."""
    places: dict[str, Place]
    """Per indicator that keeps state, by `Indicator.held`, in the order of the row."""
    width: int

    @classmethod
    def of(
        cls,
        indicators: Sequence[Indicator],
        intervals: Sequence[Interval],
        references: int,
        crosses: int,
        common: int = COMMON,
    ) -> "Layout":
        """Lay the parts of a row behind each other; `common`: slots of the common part."""
        bars = tuple(common + references + BAR * i for i in range(len(intervals)))
        derived = common + references + BAR * len(intervals)
        at = derived + crosses
        places: dict[str, Place] = {}
        for indicator in indicators:
            if indicator.held not in places:
                place = places[indicator.held] = Place(indicator, at)
                at = place.slots.stop
        return cls(common, bars, derived, places, at)
