"""Random streams of everything that a log may hold, for the fold and its reference."""

from collections.abc import Sequence
from dataclasses import fields
from math import nan
from typing import Any, Final

import numpy as np
from hypothesis import strategies as st

from streams import columns
from streams.columns import I32, TickColumns
from streams.sessions import Sessions
from tests.streams.reference_state import Event, S, Segment

BEGIN: Final = 1_700_006_400 * S
"""Midnight, UTC."""

EVERY_S: Final = 120
SEGMENTS: Final[tuple[Segment, ...]] = tuple(
    (start + opened * S, start + closed * S, start)
    for start in range(BEGIN, BEGIN + 40 * EVERY_S * S, EVERY_S * S)
    for opened, closed in ((0, 40), (60, 90))
)
"""A market that is open for 40 s, pauses for 20, is open for 30 and closed for 30, again and again."""

SYMBOLS: Final = ("A", "B")
"""A has that calendar, B trades round the clock."""


def sessions() -> Sessions:
    """The calendars of SYMBOLS, as the engine takes them."""
    rows = np.array([[*segment, 0] for segment in SEGMENTS], dtype=np.int64)
    rows[1:, 3] = np.cumsum(rows[:, 1] - rows[:, 0])[:-1]
    return Sessions(rows, {"24/7": (0, 0), "SHORT": (0, len(rows))}, "24/7", {"A": "SHORT"})


_PRICES = st.sampled_from([100.0, 100.5, 101.0, 99.5]) | st.floats(90.0, 110.0)
_SIZES = st.sampled_from([0.0, 1.0, 1.0, 2.5])
_QUOTE_SIZES = st.sampled_from([nan, 0.0, 3.0, 7.0])
_STEPS_NS = st.sampled_from([0, 1, S // 2, S, S, 2 * S, 3 * S, 5 * S, 31 * S, 61 * S, 120 * S, -S // 2, -2 * S, -9 * S])


@st.composite
def _numbers(draw: st.DrawFn) -> dict[str, float]:
    """A trade, a quote, both, or a trade beside half a quote."""
    kind = draw(st.sampled_from(["trade", "trade", "quote", "both", "one side"]))
    found: dict[str, float] = {}
    found["size"] = draw(_SIZES)  # a quote's is not looked at
    if kind != "quote":
        found |= {"price": draw(_PRICES), "side": draw(st.sampled_from([0, 0, 1, -1]))}
    if kind in {"quote", "both"}:
        found |= {"bid": draw(_PRICES), "ask": draw(_PRICES)}
        found |= {"bid_size": draw(_QUOTE_SIZES), "ask_size": draw(_QUOTE_SIZES)}
    if kind == "one side":
        found[draw(st.sampled_from(["bid", "ask"]))] = draw(_PRICES)
    return found


@st.composite
def streams(draw: st.DrawFn, *, references: int = 1, most: int = 80) -> list[Event]:
    """Events of two symbols as they stand in a log: ticks, marks, copies of the past."""
    events: list[Event] = []
    offset, now, prices = 0, BEGIN + S, [nan] * references
    seq = dict.fromkeys(SYMBOLS, 0)
    for _ in range(draw(st.integers(0, most))):
        offset += draw(st.sampled_from([1, 1, 1, 2, 0, -1]))
        now += draw(_STEPS_NS)
        symbol = draw(st.sampled_from(SYMBOLS))
        clock = draw(st.sampled_from([1.0, 1.0, 1.0, 2.0]))
        kind = draw(st.sampled_from([columns.TICK] * 10 + [columns.CLOCK] * 3 + [columns.WARM, columns.GAP]))
        common: dict[str, Any] = {"symbol": symbol, "offset": offset, "ts_ns": now, "clock": clock, "kind": kind}
        if references and draw(st.integers(0, 3)) == 0:
            prices[draw(st.integers(0, references - 1))] = draw(_PRICES)
        common["reference"] = tuple(prices)
        if kind in {columns.TICK, columns.WARM}:
            common |= draw(_numbers())
            step = draw(st.sampled_from([None, 1, 1, 1, 2, 0]))
            if step is not None:
                seq[symbol] += step
                common["seq"] = seq[symbol]
        events.append(Event(**common))
    return events


def columns_of(events: Sequence[Event]) -> tuple[I32, TickColumns]:
    """Rows (the place of the symbol in SYMBOLS) and columns."""
    kinds: dict[str, Any] = dict.fromkeys(("offset", "ts_ns", "seq", "arrival_ns"), np.int64)
    kinds |= dict.fromkeys(("side", "kind", "barred"), np.int8)
    references = len(events[0].reference) if events else 0
    arrays = {
        field.name: np.array([getattr(event, field.name) for event in events], dtype=kinds.get(field.name, np.float64))
        for field in fields(TickColumns)
    }
    arrays["reference"] = arrays["reference"].reshape(len(events), references)
    return np.array([SYMBOLS.index(event.symbol) for event in events], dtype=np.int32), TickColumns(**arrays)
