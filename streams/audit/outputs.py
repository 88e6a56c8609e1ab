"""What must be shown after a tick: the claim and the flag of every output."""

from collections.abc import Collection, Mapping
from math import isnan
from typing import Final

from streams.audit.model import Expected, Model
from streams.audit.symbol import Recomputed, S
from streams.definitions.catalogue import define
from streams.definitions.definition import UNDEFINED, Claim
from streams.feature_set import FeatureSet
from streams.feature_set_options import PRICE, Derived, Operand
from streams.indicators.indicator import Indicator
from streams.records import GAPPED, READY, STALE, UNAVAILABLE, WARMING
from streams.records import UNDEFINED as NO_VALUE

UNKNOWN: Final[Expected] = (None, None)


def expected(symbol: Recomputed, only: Collection[str] | None = None) -> dict[str, Expected]:
    """Of the last tick, by output in the order of the feature set.

    `only`: the indicators that are wanted (`followed`), None for all. Derived outputs whose operands are not among them
    are left out.
    """
    found: dict[str, Expected] = {}
    for indicator in symbol.set.indicators:
        if only is not None and indicator.name not in only:
            continue
        model = symbol.models.get(indicator.held)
        if model is None:
            found |= dict.fromkeys(indicator.outputs, UNKNOWN)
            continue
        if indicator.live and (bar := symbol.open_bar(indicator)) is not None:
            model = model.with_bar(bar[0], missing=bar[1])
        for output, steps, claim in zip(indicator.outputs, model.definition.warmup, model.claims(), strict=True):
            found[output] = _expected(symbol, model, indicator, output, steps, claim)
    for derived in symbol.set.options.derived:
        if only is not None and derived.kind != "cross":
            continue
        found[derived.name] = _derived(symbol, derived, found)
    return found


def followed(feature_set: FeatureSet) -> frozenset[str]:
    """Indicators that a cross is made of: it remembers, so they are looked at after every tick."""
    operands = {
        operand
        for derived in feature_set.options.derived
        if derived.kind == "cross"
        for pair in derived.of
        for operand in pair
    }
    return frozenset(i.name for i in feature_set.indicators if operands & set(i.outputs))


def _expected(
    symbol: Recomputed, model: Model, indicator: Indicator, output: str, steps: int, claim: Claim | None
) -> Expected:
    came, definition = symbol.memory.came, model.definition
    if model.count < steps:
        waits = definition.on == "quote" and "quote" not in came
        return UNDEFINED, UNAVAILABLE if waits else WARMING
    if claim is None:
        return UNKNOWN
    if isnan(claim.value):
        return claim, NO_VALUE if definition.needs <= came else UNAVAILABLE
    if model.to_go > 0:
        return claim, GAPPED
    at, limit = _age(symbol, indicator, definition.on)
    limit = dict(symbol.set.options.stale_outputs).get(output, limit)
    if at is None or limit is None or definition.on == "tick":
        return claim, READY
    return claim, STALE if symbol.now_ns - at > round(limit * S) else READY


def _age(symbol: Recomputed, indicator: Indicator, on: str) -> tuple[int | None, float | None]:
    """When what an output is made of was last renewed, and how old that may be."""
    m, options = symbol.memory, symbol.set.options
    if on == "quote":
        return m.quote_ns, options.quote_s
    if indicator.interval is None or indicator.live:
        return m.trade_ns, options.trade_s
    return symbol.bars[indicator.interval.name].end_ns, options.bar_s


def _derived(symbol: Recomputed, derived: Derived, found: Mapping[str, Expected]) -> Expected:
    pairs = [[_operand(symbol, operand, found) for operand in pair] for pair in derived.of]
    flags = [flag for pair in pairs for _, flag in pair]
    lost = [flag for flag in flags if flag is not None and flag >= WARMING]
    sides, unsure = symbol.memory.sides, symbol.memory.unsure
    if WARMING in lost or (lost and None not in flags):
        sides.pop(derived.name, None)
        unsure.discard(derived.name)
        return UNDEFINED, WARMING if WARMING in lost else max(lost)
    signs = [_sign(*(claim for claim, _ in pair)) for pair in pairs]
    known = [sign for sign in signs if sign is not None]
    if len(known) < len(signs) or None in flags:
        # What it is made of is not known here, and from now on its side neither, until it takes one again.
        sides.pop(derived.name, None)
        unsure.add(derived.name)
        return UNKNOWN
    flag = max(flag for flag in flags if flag is not None)
    if derived.kind == "agreement":
        return Claim(sum(known) / len(known), 1e-15), flag
    before, side = sides.get(derived.name), known[0]
    crossed = None if before is None and derived.name in unsure else before is not None and before * side < 0
    if side:
        sides[derived.name] = side
        unsure.discard(derived.name)
    if crossed is None:
        return None, flag
    return Claim(side if crossed else 0.0), flag


def _sign(a: Claim | None, b: Claim | None) -> float | None:
    """Of a - b; None where rounding decides."""
    if a is None or b is None:
        return None
    apart = a.value - b.value
    if abs(apart) <= a.slack + b.slack and (a.slack or b.slack):
        return None
    return float((apart > 0) - (apart < 0))


def _operand(symbol: Recomputed, operand: Operand, found: Mapping[str, Expected]) -> Expected:
    if isinstance(operand, float):
        return Claim(operand), READY
    if operand == PRICE:
        price = symbol.memory.price
        return Claim(price), WARMING if isnan(price) else READY
    return found[operand]


def unaudited(feature_set: FeatureSet) -> list[str]:
    """Indicators that nobody has written a definition of."""
    return [i.name for i in feature_set.indicators if define(i.family.name, i.parameters) is None]
