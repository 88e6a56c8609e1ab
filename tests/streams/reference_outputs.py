"""Values and flags of the reference engine (tests/streams/reference_engine.py)."""

from collections.abc import Callable, Mapping
from math import isfinite, isnan, nan
from typing import Any

from streams.feature_set import FeatureSet
from streams.indicators.indicator import Indicator
from streams.records import GAPPED, READY, STALE, UNAVAILABLE, UNDEFINED, WARMING
from tests.streams.reference_state import Event, Model, S, Symbol, Value

WithOpenBar = Callable[[Model, Indicator], Model]
"""A model after one more step, with the open bar."""


class ReferenceOutputs:
    """What is shown after each tick."""

    def __init__(self, feature_set: FeatureSet) -> None:
        self.set = feature_set
        self.options = feature_set.options

    def values(self, s: Symbol, event: Event, t: int, with_open_bar: WithOpenBar) -> list[Value]:
        """Value and flag of every output."""
        found: dict[str, Value] = {}
        for indicator in self.set.indicators:
            model = s.models[indicator.held]
            if indicator.live:
                model = with_open_bar(model, indicator)
            values = model.definition(model.history) if model.history else [nan] * len(indicator.outputs)
            for output, warmup, value in zip(indicator.outputs, indicator.warmup, values, strict=True):
                flag = self._flag(s, model, indicator, output, warmup, value, event, t)
                found[output] = (value if flag < WARMING else nan, flag)
        for derived in self.options.derived:
            found[derived.name] = self._derive(s, derived, found)
        return list(found.values())

    def _flag(
        self,
        s: Symbol,
        model: Model,
        indicator: Indicator,
        output: str,
        warmup: int,
        value: float,
        event: Event,
        t: int,
    ) -> int:
        if len(model.history) < warmup:
            return UNAVAILABLE if indicator.family.on == "quote" and "quote" not in s.came else WARMING
        if not isfinite(value):
            return UNAVAILABLE if self._lacks(s, indicator, event) else UNDEFINED
        if model.to_go > 0:
            return GAPPED
        at, limit = self._age(s, indicator)
        limit = dict(self.options.stale_outputs).get(output, limit)
        return STALE if limit is not None and at is not None and t - at > limit * S else READY

    def _lacks(self, s: Symbol, indicator: Indicator, event: Event) -> bool:
        needs, inputs = indicator.family.needs, indicator.family.inputs
        lacks = "quote" in needs and "quote" not in s.came
        if "size" in needs and {"bid_size", "ask_size"} & set(inputs):
            lacks |= "quote size" not in s.came
        if "size" in needs and {"volume", "dollars", "signed"} & set(inputs):
            lacks |= "trade size" not in s.came
        if "reference" in needs:
            aliases = [alias for alias, _ in self.options.references]
            lacks |= isnan(event.reference[aliases.index(indicator.reference)])
        return lacks

    def _age(self, s: Symbol, indicator: Indicator) -> tuple[int | None, float | None]:
        if indicator.family.on == "tick":
            return None, None
        if indicator.family.on == "quote":
            return s.quoted, self.options.quote_s
        if indicator.interval is None or indicator.live:
            return s.trade, self.options.trade_s
        return s.closed[indicator.interval.name][-1][0], self.options.bar_s

    def _derive(self, s: Symbol, derived: Any, found: Mapping[str, Value]) -> Value:
        pairs = []
        flags = []
        for pair in derived.of:
            values = []
            for operand in pair:
                value, flag = self._operand(s, operand, found)
                values.append(value)
                flags.append(flag)
            pairs.append(values)
        absent = [flag for flag in flags if flag >= WARMING]
        if absent:
            s.sides.pop(derived.name, None)
            return nan, WARMING if WARMING in absent else max(absent)
        signs = [float((a > b) - (a < b)) for a, b in pairs]
        if derived.kind == "agreement":
            return sum(signs) / len(signs), max(flags)
        before = s.sides.get(derived.name, 0.0)
        if signs[0]:
            s.sides[derived.name] = signs[0]
        return (signs[0] if before == -signs[0] and signs[0] else 0.0), max(flags)

    def _operand(self, s: Symbol, operand: str | float, found: Mapping[str, Value]) -> Value:
        if isinstance(operand, float):
            return operand, READY
        if operand == "price":
            return (s.prices[-1], READY) if s.prices else (nan, WARMING)
        return found[operand]
