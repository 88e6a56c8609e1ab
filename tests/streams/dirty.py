"""Streams of ticks such as feeds really send them, clean and dirty, and rules of all kinds to judge them by."""

from dataclasses import fields
from math import nan
from typing import Any, Final

from hypothesis import strategies as st

from streams import columns
from streams.quality.rules import QualityRules
from streams.sessions import ALWAYS
from tests.streams.markets import BEGIN, SYMBOLS
from tests.streams.reference_state import Event, S

_PRICES = st.sampled_from([100.0, 100.0, 100.1, 100.4, 99.8, 101.5, 79.0, 79.1, 78.9, 1.0, 5_000.0])
_SIZES = st.sampled_from([0.0, 1.0, 1.0, 5.0, 1e9])
_QUOTE_SIZES = st.sampled_from([nan, 0.0, 3.0, 3.0, 7.0])
_STEPS_NS = st.sampled_from([0, 1, S // 2, S, S, 2 * S, 4 * S, 11 * S, 31 * S, 61 * S, -S // 2, -2 * S, -9 * S])
_AHEAD_NS = st.sampled_from([None, 0, 0, -5 * S, 999_999_999, S, S + 1, 30 * S])
_KINDS = st.sampled_from([columns.TICK] * 12 + [columns.CLOCK, columns.WARM, columns.GAP])
_SEQ_STEPS = st.sampled_from([1, 1, 1, 1, 3, 0, -1, -2, -7, -15, -16, -17, -40, 2**40, -(2**40), 2**54])

RULES: Final = st.builds(
    QualityRules,
    future_max_ms=st.sampled_from([None, 0.0, 1_000.0]),
    reject_duplicates=st.booleans(),
    duplicate_restart_s=st.sampled_from([0.0, 3.0, 30.0]),
    hours_calendar=st.sampled_from([ALWAYS, "SHORT"]),
    hours_early_s=st.sampled_from([0.0, 2.0]),
    hours_late_s=st.sampled_from([0.0, 5.0, 25.0]),
    price_min=st.sampled_from([0.0, 2.0]),
    price_max=st.sampled_from([None, 1_000.0]),
    size_min=st.sampled_from([0.0, 2.0]),
    size_max=st.sampled_from([None, 100.0]),
    trade_jump_max_bps=st.sampled_from([None, 20.0, 500.0]),
    quote_jump_max_bps=st.sampled_from([None, 20.0, 500.0]),
    jump_span_ticks=st.sampled_from([1.0, 10.0]),
    jump_agree_bps=st.sampled_from([0.0, 30.0]),
    jump_rearm_ticks=st.sampled_from([2, 3]),
    jump_rearm_s=st.sampled_from([None, 0.0, 3.0]),
    reject_zero_sided=st.booleans(),
    reject_crossed=st.booleans(),
    reject_locked=st.booleans(),
    spread_max_bps=st.sampled_from([None, 50.0]),
)


@st.composite
def _numbers(draw: st.DrawFn) -> dict[str, Any]:
    what = draw(st.sampled_from(["trade", "trade", "quote", "both", "half"]))
    found: dict[str, Any] = {}
    if what != "quote":
        found |= {"price": draw(_PRICES), "size": draw(_SIZES)}
    if what in {"quote", "both"}:
        bid = draw(_PRICES)
        found |= {"bid": bid, "ask": draw(st.sampled_from([bid, bid + 0.1, bid + 0.1, bid - 0.1]) | _PRICES)}
        found |= {"bid_size": draw(_QUOTE_SIZES), "ask_size": draw(_QUOTE_SIZES)}
    if what == "half":
        found[draw(st.sampled_from(["bid", "ask"]))] = draw(_PRICES)
    return found


@st.composite
def dirty(draw: st.DrawFn, *, most: int = 60, plain: bool = False) -> list[Event]:
    """Events of two symbols as they stand in a log; `plain`: live ticks alone, no offset twice."""
    events: list[Event] = []
    offset, now = 0, BEGIN + S
    seq = {(symbol, traded): 50 for symbol in SYMBOLS for traded in (True, False)}
    for _ in range(draw(st.integers(1, most))):
        offset += 1 if plain else draw(st.sampled_from([1, 1, 1, 1, 0]))
        now += draw(_STEPS_NS)
        symbol, kind = draw(st.sampled_from(SYMBOLS)), columns.TICK if plain else draw(_KINDS)
        common: dict[str, Any] = {"symbol": symbol, "offset": offset, "ts_ns": now, "clock": 1.0, "kind": kind}
        if kind in {columns.TICK, columns.WARM}:
            common |= draw(_numbers())
            ahead = draw(_AHEAD_NS)
            common["arrival_ns"] = -1 if ahead is None else now - ahead
            common["barred"] = int(draw(st.integers(0, 12)) == 0)
            if draw(st.integers(0, 5)):
                counter = (symbol, "price" in common)
                seq[counter] = min(max(seq[counter] + draw(_SEQ_STEPS), 0), 2**62)
                common["seq"] = seq[counter]
        events.append(Event(**common))
    return events


def changed(event: Event, **other: Any) -> Event:
    """A copy with something else in it."""
    return Event(**{field.name: getattr(event, field.name) for field in fields(Event)} | other)
