"""Lines that step indicators: on single events, on bars that close, and live with the open bar."""

from typing import Final

from streams import layout
from streams.codegen.plan import SESSION, Plan, inputs_of
from streams.indicators.indicator import Indicator, On
from streams.layout import TO_GO, Place

S: Final = 1_000_000_000

_ALWAYS: Final = {
    "count": "np.int64(count)",
    "session": "session",
    "since_open": "since_open",
    "phase": "phase",
}
_FIRST: Final = " if count > 1.0 else np.nan"

OF_BARS: Final = _ALWAYS | {
    "open": "bar_open",
    "high": "bar_high",
    "low": "bar_low",
    "close": "bar_close",
    "previous": "bar_previous" + _FIRST,
    "volume": "bar_volume",
    "dollars": "bar_dollars",
    "trades": "bar_trades",
    "signed": "bar_signed",
    "mid": "mid",
    "dt": "bar_dt" + _FIRST,
}
OF_EVENTS: Final[dict[On, dict[str, str]]] = {
    "trade": _ALWAYS
    | {
        "open": "traded",
        "high": "traded",
        "low": "traded",
        "close": "traded",
        "previous": "previous" + _FIRST,
        "volume": "quantity",
        "dollars": "dollars",
        "trades": "1.0",
        "signed": "signed",
        "sign": "sign",
        "rule": "rule",
        "mid": "mid",
        "dt": "since_trade" + _FIRST,
    },
    "quote": _ALWAYS
    | {
        "bid": "bid[i]",
        "ask": "ask[i]",
        "bid_size": "bid_size[i]",
        "ask_size": "ask_size[i]",
        "previous_bid": "old_bid" + _FIRST,
        "previous_ask": "old_ask" + _FIRST,
        "previous_bid_size": "old_bid_size" + _FIRST,
        "previous_ask_size": "old_ask_size" + _FIRST,
        "dt": "since_quote" + _FIRST,
    },
    "tick": _ALWAYS
    | {
        "is_trade": "np.int64(is_trade)",
        "is_quote": "np.int64(is_quote)",
        "close": "row[PRICE] if row[TRADES] > 0.0 else np.nan",
        "volume": "quantity",
        "dollars": "dollars",
        "signed": "signed",
        "sign": "np.int64(row[SIGN])",
        "bid": "row[BID] if quoted else np.nan",
        "ask": "row[ASK] if quoted else np.nan",
        "bid_size": "row[BID_SIZE] if quoted else np.nan",
        "ask_size": "row[ASK_SIZE] if quoted else np.nan",
        "mid": "(row[BID] + row[ASK]) / 2.0 if quoted else np.nan",
        "since_trade": "(t - time_at(row, TRADE_S)) / 1e9 if row[TRADES] > 0.0 else np.nan",
        "dt": "since_tick" + _FIRST,
    },
}
"""What the module calls the inputs of steps; `reference` comes from the indicator."""

MID: Final = "mid = (row[BID] + row[ASK]) / 2.0 if row[BID] > 0.0 else np.nan"
_BAR_SLOTS: Final = {
    "open": layout.OPEN,
    "high": layout.HIGH,
    "low": layout.LOW,
    "close": layout.CLOSE,
    "previous": layout.LAST_CLOSE,
    "volume": layout.VOLUME,
    "dollars": layout.DOLLARS,
    "trades": layout.BAR_TRADES,
    "signed": layout.SIGNED,
}


def event_steps(plan: Plan, what: On, pad: str) -> list[str]:
    """Step everybody who is on single events of a kind."""
    places = plan.on(what)
    lines = []
    if SESSION & inputs_of(places):
        lines.append(f"{pad}session, since_open, phase = session_at(segments, begin, stop, t)")
    for place in places:
        alias = place.indicator.reference
        reference = f"reference[i, {plan.aliases[alias]}]" if alias else None
        lines += _step(place, OF_EVENTS[what], reference, pad=pad)
    return lines


def bar_steps(plan: Plan, number: int) -> str:
    """The function that steps the indicators on one interval, with the bar that closes at `end`."""
    interval, at = plan.intervals[number]
    places = plan.on_bars(interval)
    lines = [
        '@njit(error_model="numpy")',
        f"def bar_steps_{number}(row, end, begin, stop, segments):",
        *_bar_inputs(places, at),
    ]
    for place in places:
        lines += _step(place, OF_BARS, _bar_reference(plan, place.indicator))
        lines += _touched(place.indicator, at, f"row[{place.at + TO_GO}]")
    return "\n".join([*lines, "    return"])


def close(plan: Plan) -> str:
    """The function that closes one bar: its indicators step, and it is written out."""
    lines = [
        '@njit(error_model="numpy")',
        "def close(row, b, end, i, r, begin, stop, segments, closed, bars):",
    ]
    for number, (interval, _) in enumerate(plan.intervals):
        if plan.on_bars(interval):
            lines += [f"    if b == {number}:", f"        bar_steps_{number}(row, end, begin, stop, segments)"]
    if plan.options.publish_bars:
        lines += ["    write_bar(row, BAR_AT[b], end, i, r, b, bars[closed])", "    closed += 1"]
    return "\n".join([*lines, "    close_bar(row, BAR_AT[b], end)", "    return closed"])


def live(plan: Plan, number: int) -> str:
    """The function that steps a copy of the state of the closed bars with the open one, if there is one."""
    indicator = plan.lives[number]
    interval = indicator.interval
    assert interval is not None, "only indicators on bars are live"
    place, at, work = plan.place(indicator), plan.bar(indicator), plan.at(indicator)
    in_work = Place(place.indicator, work)
    end = f"time_at(row, {at + layout.START_S}) + {round(interval.size) * S}" if interval.kind == "time" else "t"
    lines = [
        '@njit(error_model="numpy")',
        f"def live_{number}(row, work, t, begin, stop, segments):",
        f"    for x in range({place.slots.stop - place.at}):",
        f"        work[{work} + x] = row[{place.at} + x]",
        f"    if row[{at + layout.BAR_TRADES}] == 0.0:",
        "        return",
        f"    end = {end}",
        *_bar_inputs([place], at),
        *_step(in_work, OF_BARS, _bar_reference(plan, indicator), vector="work"),
        *_touched(indicator, at, f"work[{work + TO_GO}]"),
    ]
    return "\n".join(lines)


def _bar_inputs(places: list[Place], at: int) -> list[str]:
    """Locals for what the steps of `places` may ask of the open bar; `end` is its end."""
    inputs = inputs_of(places)
    lines = [f"    bar_{name} = row[{at + slot}]" for name, slot in _BAR_SLOTS.items() if name in inputs]
    if "dt" in inputs:
        lines.append(f"    bar_dt = (end - time_at(row, {at + layout.END_S})) / 1e9")
    if "mid" in inputs:
        lines.append(f"    {MID}")
    if SESSION & inputs:
        lines.append("    session, since_open, phase = session_at(segments, begin, stop, time_at(row, TRADE_S))")
    return lines


def _bar_reference(plan: Plan, indicator: Indicator) -> str | None:
    if not indicator.reference:
        return None
    slot = plan.reference_slot(indicator)
    return f"row[{slot}] if row[{slot}] > 0.0 else np.nan"


def _touched(indicator: Indicator, at: int, to_go: str) -> list[str]:
    """A bar in which data are missing does not count as one that follows the gap."""
    if indicator.family.on_gap == "reset":
        return []
    again = 1.0 if indicator.family.on_gap == "decay" else float(max(indicator.warmup))
    return [f"    if row[{at + layout.TOUCHED}] > 0.0:", f"        {to_go} = {again}"]


def _step(
    place: Place, inputs: dict[str, str], reference: str | None, *, vector: str = "row", pad: str = "    "
) -> list[str]:
    """Step one indicator whose state is in `vector`."""
    indicator = place.indicator
    family = indicator.family
    named = inputs if reference is None else inputs | {"reference": reference}
    if unknown := set(family.inputs) - set(named):
        on = f"bars of {indicator.interval.name}" if indicator.interval else f"a {family.on}"
        raise ValueError(f"{indicator.name}: a step on {on} has no {min(unknown)!r}; see Input in indicator.py")
    arguments = [
        f"{vector}[{place.states.start}:{place.states.stop}]",
        f"{vector}[{place.outputs.start}:{place.outputs.stop}]",
        *(named[name] for name in family.inputs),
        *map(repr, indicator.parameters),
    ]
    return [
        f"{pad}count = {vector}[{place.at}] + 1.0",
        f"{pad}{vector}[{place.at}] = count",
        f"{pad}if {vector}[{place.at + TO_GO}] > 0.0:",
        f"{pad}    {vector}[{place.at + TO_GO}] -= 1.0",
        f"{pad}step_{family.name}({', '.join(arguments)})",
    ]
