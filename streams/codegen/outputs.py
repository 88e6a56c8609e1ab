"""Tables, and the end of a tick: values and flags of all outputs, then the derived ones."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from streams import layout, records
from streams.codegen.plan import Plan
from streams.codegen.steps import S
from streams.feature_set_options import PRICE, Derived, Operand
from streams.indicators.indicator import Indicator

_QUOTE_SIZES: Final = frozenset({"bid_size", "ask_size", "previous_bid_size", "previous_ask_size"})
_TRADE_SIZES: Final = frozenset({"volume", "dollars", "signed"})
_NO_QUOTE, _NO_TRADE_SIZE, _NO_QUOTE_SIZE, _NO_REFERENCE = 1, 2, 4, 8
"""Bits of what an output may lack; those of further references follow."""

_WARMS = len(records.FLAG_NAMES)
"""Above every flag: an output that is warming takes away more from a derived one than one that is unavailable."""


def tables(plan: Plan) -> str:
    """What the loops over outputs, places and intervals look up."""
    indicators = [(indicator, j) for indicator in plan.set.indicators for j in range(len(indicator.outputs))]
    limits = [_limit(plan, indicator, j) for indicator, j in indicators]
    policies = [place.indicator.family.on_gap for place in plan.places]
    kinds = [interval for interval, _ in plan.intervals]
    fills = {"time": 0, "trades": layout.BAR_TRADES, "volume": layout.VOLUME, "dollars": layout.DOLLARS}
    found: dict[str, Sequence[float]] = {
        "AT": [plan.at(indicator) + layout.VALUES + j for indicator, j in indicators],
        "COUNT": [plan.at(indicator) for indicator, _ in indicators],
        "LIVE": [indicator.live for indicator, _ in indicators],
        "WARMUP": [float(indicator.warmup[j]) for indicator, j in indicators],
        "ON_QUOTES": [indicator.family.on == "quote" for indicator, _ in indicators],
        "NEEDS": [_needs(plan, indicator) for indicator, _ in indicators],
        "LIMIT_NS": [limit for _, limit in limits],
        "INPUT_TIME": [slot for slot, _ in limits],
        "PLACE_AT": [place.at for place in plan.places],
        "PLACE_STOP": [place.slots.stop for place in plan.places],
        "RESETS": [policy == "reset" for policy in policies],
        # A decaying one is gapped at the step that follows, so it is two steps until it is not.
        "TO_GO_AFTER": [
            2.0 if place.indicator.family.on_gap == "decay" else float(max(place.indicator.warmup))
            for place in plan.places
        ],
        "BAR_AT": [at for _, at in plan.intervals],
        "LENGTH_NS": [round(interval.size) * S if interval.kind == "time" else 0 for interval in kinds],
        "FILLS": [fills[interval.kind] for interval in kinds],
        "FULL": [interval.size for interval in kinds],
    }
    return "\n".join(f"{name} = np.array({entries!r}, dtype=np.{_type(entries)})" for name, entries in found.items())


def _type(entries: Sequence[float]) -> str:
    return np.array(entries or [0]).dtype.name


def _limit(plan: Plan, indicator: Indicator, j: int) -> tuple[int, int]:
    """Slot of the time of what an output is made of, and how old that may be, -1 for any age."""
    options = plan.options
    if indicator.family.on == "quote":
        slot, limit = layout.QUOTE_S, options.quote_s
    elif indicator.interval is None or indicator.live:
        slot, limit = layout.TRADE_S, options.trade_s
    else:
        slot, limit = plan.bar(indicator) + layout.END_S, options.bar_s
    limit = dict(options.stale_outputs).get(indicator.outputs[j], limit)
    # What is made of ticks is always of now.
    return slot, -1 if limit is None or indicator.family.on == "tick" else round(limit * S)


def _needs(plan: Plan, indicator: Indicator) -> int:
    needs, inputs = indicator.family.needs, set(indicator.family.inputs)
    bits = _NO_QUOTE if "quote" in needs else 0
    if "size" in needs:
        bits |= _NO_QUOTE_SIZE if _QUOTE_SIZES & inputs else 0
        bits |= _NO_TRADE_SIZE if _TRADE_SIZES & inputs else 0
    if "reference" in needs:
        bits |= _NO_REFERENCE << plan.aliases[indicator.reference]
    return bits


def values(plan: Plan) -> list[str]:
    """Value and flag of each output of an indicator."""
    has_needs = any(indicator.family.needs for indicator in plan.set.indicators)
    has_limits = any(_limit(plan, i, j)[1] >= 0 for i in plan.set.indicators for j in range(len(i.outputs)))
    pad = " " * 12
    lines = _lacking(plan) if has_needs else []
    lines.append(f"        for j in range({plan.direct}):")
    for name, slot in (("value", "AT[j]"), ("count", "COUNT[j]"), ("to_go", "COUNT[j] + TO_GO")):
        source = f"work[{slot}] if LIVE[j] else row[{slot}]" if plan.lives else f"row[{slot}]"
        lines.append(f"{pad}{name} = {source}")
    lines += [
        f"{pad}if count < WARMUP[j]:",
        f"{pad}    values[i, j] = np.nan",
        f"{pad}    never = ON_QUOTES[j] and row[QUOTES] == 0.0",
        f"{pad}    flags[i, j] = {records.UNAVAILABLE} if never else {records.WARMING}",
        f"{pad}elif np.isfinite(value):",
        f"{pad}    values[i, j] = value",
        f"{pad}    if to_go > 0.0:",
        f"{pad}        flags[i, j] = {records.GAPPED}",
    ]
    if has_limits:
        lines += [
            f"{pad}    elif LIMIT_NS[j] >= 0 and t - time_at(row, INPUT_TIME[j]) > LIMIT_NS[j]:",
            f"{pad}        flags[i, j] = {records.STALE}",
        ]
    undefined = f"{records.UNAVAILABLE} if NEEDS[j] & lacking else {records.UNDEFINED}"
    return [
        *lines,
        f"{pad}    else:",
        f"{pad}        flags[i, j] = {records.READY}",
        f"{pad}else:",
        f"{pad}    values[i, j] = np.nan",
        f"{pad}    flags[i, j] = {undefined if has_needs else records.UNDEFINED}",
    ]


def _lacking(plan: Plan) -> list[str]:
    """What has never come so far."""
    tests = {
        "row[QUOTES] == 0.0": _NO_QUOTE,
        "row[SIZED_TRADES] == 0.0": _NO_TRADE_SIZE,
        "row[SIZED_QUOTES] == 0.0": _NO_QUOTE_SIZE,
    } | {f"np.isnan(reference[i, {place}])": _NO_REFERENCE << place for place in plan.aliases.values()}
    lines = ["        lacking = 0"]
    for test, bit in tests.items():
        lines += [f"        if {test}:", f"            lacking |= {bit}"]
    return lines


def derived(plan: Plan) -> list[str]:
    """Value and flag of each derived output, made of the values before."""
    lines: list[str] = []
    at = plan.set.layout.derived
    for place, output in enumerate(plan.options.derived):
        lines += _one_derived(plan, output, plan.direct + place, at)
        at += output.kind == "cross"
    return lines


def _one_derived(plan: Plan, output: Derived, j: int, at: int) -> list[str]:
    pad = " " * 8
    operands = dict.fromkeys(operand for pair in output.of for operand in pair if isinstance(operand, str))
    lines = [f"{pad}flag = {records.READY}", f"{pad}lost = 0"]
    for operand in operands:
        if operand == PRICE:
            lines += [f"{pad}if row[TRADES] == 0.0:", f"{pad}    lost = {_WARMS}"]
            continue
        lines += [
            f"{pad}code = flags[i, {plan.set.outputs.index(operand)}]",
            f"{pad}if code == {records.WARMING}:",
            f"{pad}    lost = {_WARMS}",
            f"{pad}elif code > {records.WARMING}:",
            f"{pad}    lost = max(lost, code)",
            f"{pad}else:",
            f"{pad}    flag = max(flag, code)",
        ]
    crosses = output.kind == "cross"
    lines += [
        f"{pad}if lost > 0:",
        *([f"{pad}    row[{at}] = 0.0"] if crosses else []),
        f"{pad}    values[i, {j}] = np.nan",
        f"{pad}    flags[i, {j}] = {records.WARMING} if lost == {_WARMS} else lost",
        f"{pad}else:",
        f"{pad}    flags[i, {j}] = flag",
    ]
    signs = [f"np.sign({_operand(plan, a)} - {_operand(plan, b)})" for a, b in output.of]
    if not crosses:
        return [*lines, f"{pad}    values[i, {j}] = ({' + '.join(signs)}) / {len(signs)}.0"]
    return [
        *lines,
        f"{pad}    side_now = {signs[0]}",
        f"{pad}    values[i, {j}] = side_now if row[{at}] * side_now < 0.0 else 0.0",
        f"{pad}    if side_now != 0.0:",
        f"{pad}        row[{at}] = side_now",
    ]


def _operand(plan: Plan, operand: Operand) -> str:
    if isinstance(operand, float):
        return repr(operand)
    return "row[PRICE]" if operand == PRICE else f"values[i, {plan.set.outputs.index(operand)}]"
