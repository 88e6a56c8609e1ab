"""The fold once more, the slow and obvious way: one event after the other, dictionaries, whole histories.

It shares no code with the kernel: what it says comes from the docstrings of streams/indicators/indicator.py,
streams/bars.py, streams/feature_set.py and streams/codegen/module.py.
"""

from collections.abc import Mapping, Sequence
from math import isnan, nan

from streams import columns
from streams.feature_set import FeatureSet
from streams.indicators.indicator import Indicator
from tests.streams.probes import Definition
from tests.streams.reference_outputs import ReferenceOutputs
from tests.streams.reference_state import Bar, Event, Model, Result, S, Segment, Symbol, in_session, session_at


class ReferenceEngine:
    """Folds events of one feature set."""

    def __init__(
        self,
        feature_set: FeatureSet,
        definitions: Mapping[str, Definition],
        segments: Mapping[str, Sequence[Segment]],
        lateness_ns: int,
        *,
        fold_late: bool = False,
    ) -> None:
        self.set = feature_set
        self.options = feature_set.options
        self.outputs = ReferenceOutputs(feature_set)
        self.definitions = definitions
        self.segments = segments
        self.lateness_ns = lateness_ns
        self.fold_late = fold_late
        self.symbols: dict[str, Symbol] = {}

    def fold(self, event: Event) -> Result:
        s = self.symbols.setdefault(event.symbol, Symbol(self._models()))
        if event.offset <= s.offset:
            return Result(columns.SKIPPED)
        if event.kind == columns.CLOCK:
            return self._clock(s, event)
        s.offset = event.offset
        if event.kind == columns.GAP:
            s.gaps.append("mark")
            self._gap(s)
            return Result(columns.MARKED)
        if s.last is not None and event.ts_ns < s.last - self.lateness_ns and not self.fold_late:
            return Result(columns.LATE)
        result = Result(columns.MARKED if event.kind == columns.WARM else columns.APPLIED)
        t = event.ts_ns if s.last is None else max(s.last, event.ts_ns)
        missing = self._is_gap(s, event, t)
        if missing:
            self._gap(s)
        s.last, s.clock = t, event.clock
        for interval in self.set.intervals:
            if interval.kind == "time" and interval.name in s.open:
                end = s.open[interval.name].start + int(interval.size) * S
                if end <= t:
                    self._close(s, interval.name, end, event, result)
                    if missing:
                        s.missing.add(interval.name)
        if not isnan(event.price):
            self._trade(s, event, t, result)
        self._quote(s, event, t)
        self._tick(s, event, t)
        s.tick = t
        result.price = s.prices[-1] if s.prices else nan
        result.values = self.outputs.values(
            s, event, t, lambda model, indicator: self._with_open_bar(s, model, indicator, event, t)
        )
        return result

    def _models(self) -> dict[str, Model]:
        return {i.held: Model(i, self.definitions[i.family.name]) for i in self.set.indicators}

    # Gaps

    def _is_gap(self, s: Symbol, event: Event, t: int) -> bool:
        found = False
        limit = self.options.silence_s
        if (
            limit is not None
            and s.tick is not None
            and in_session(self.segments.get(event.symbol), s.tick, t) > limit * S
        ):
            s.gaps.append("silence")
            found = True
        if self.options.sequence and event.seq >= 0:
            if s.seq is not None and event.seq != s.seq + 1:
                s.gaps.append("sequence")
                found = True
            s.seq = event.seq
        return found

    def _gap(self, s: Symbol) -> None:
        for model in s.models.values():
            model.gap()
        for interval in self.set.intervals:
            if interval.name in s.open:
                s.open[interval.name].missing = True
            else:
                s.missing.add(interval.name)

    # Bars

    def _clock(self, s: Symbol, event: Event) -> Result:
        result = Result(columns.UNTOUCHED)
        if s.clock != event.clock:
            return result
        ends = []
        for interval in self.set.intervals:
            if interval.kind != "time" or interval.name not in s.open:
                continue
            end = s.open[interval.name].start + int(interval.size) * S
            if end <= event.ts_ns - self.options.mark_grace_ms * 1_000_000:
                self._close(s, interval.name, end, event, result)
                ends.append(end)
        if ends:
            assert s.last is not None
            s.offset, s.last = event.offset, max(s.last, *ends)
            result.verdict = columns.MARKED
        return result

    def _bar_inputs(self, s: Symbol, name: str, end: int, symbol: str) -> dict[str, float]:
        bar = s.open[name]
        prices = [price for _, price, _, _ in bar.trades]
        before = s.closed.get(name, [])
        volume = dollars = signed = 0.0
        for _, price, size, by_sign in bar.trades:
            volume += size
            dollars += price * size
            signed += by_sign
        return {
            "open": prices[0],
            "high": max(prices),
            "low": min(prices),
            "close": prices[-1],
            "previous": before[-1][1] if before else nan,
            "volume": volume,
            "dollars": dollars,
            "trades": float(len(prices)),
            "signed": signed,
            "mid": (s.quote[0] + s.quote[1]) / 2 if s.quote else nan,
            "dt": (end - before[-1][0]) / S if before else nan,
            **session_at(self.segments.get(symbol), bar.trades[-1][0]),
        }

    def _close(self, s: Symbol, name: str, end: int, event: Event, result: Result) -> None:
        bar = s.open[name]
        inputs = self._bar_inputs(s, name, end, event.symbol)
        for model in self._on_bars(s, name):
            model.step({**inputs, **self._reference(model, s.trade_reference)}, missing=bar.missing)
        if self.options.publish_bars:
            vwap = inputs["dollars"] / inputs["volume"] if inputs["volume"] > 0 else nan
            shown = ("open", "high", "low", "close", "volume", "trades", "signed")
            result.bars.append(
                {name: inputs[name] for name in shown}
                | {
                    "interval": name,
                    "number": len(s.closed.get(name, [])),
                    "start": bar.start,
                    "end": end,
                    "vwap": min(max(vwap, inputs["low"]), inputs["high"]) if not isnan(vwap) else nan,
                    "gapped": bar.missing,
                }
            )
        s.closed.setdefault(name, []).append((end, inputs["close"]))
        del s.open[name]

    def _on_bars(self, s: Symbol, name: str) -> list[Model]:
        return [m for m in s.models.values() if m.indicator.interval and m.indicator.interval.name == name]

    def _reference(self, model: Model, prices: tuple[float, ...]) -> dict[str, float]:
        aliases = [alias for alias, _ in self.options.references]
        return {"reference": prices[aliases.index(model.indicator.reference)]} if model.indicator.reference else {}

    # Events

    def _on(self, s: Symbol, on: str) -> list[Model]:
        return [m for m in s.models.values() if m.indicator.interval is None and m.indicator.family.on == on]

    def _sign(self, s: Symbol, event: Event) -> tuple[int, int]:
        if event.side:
            return event.side, 1
        if s.quote:
            mid = (s.quote[0] + s.quote[1]) / 2
            if event.price != mid:
                return (1 if event.price > mid else -1), 2
        others = [price for price in s.prices if price != event.price]
        if not others:
            return 0, 0
        return (1 if event.price > others[-1] else -1), 3

    def _trade(self, s: Symbol, event: Event, t: int, result: Result) -> None:
        sign, rule = self._sign(s, event)
        inputs = {
            **dict.fromkeys(("open", "high", "low", "close"), event.price),
            "previous": s.prices[-1] if s.prices else nan,
            "volume": event.size,
            "dollars": event.price * event.size,
            "trades": 1.0,
            "sign": float(sign),
            "signed": sign * event.size,
            "rule": float(rule),
            "mid": (s.quote[0] + s.quote[1]) / 2 if s.quote else nan,
            "dt": (t - s.trade) / S if s.trade is not None else nan,
            **session_at(self.segments.get(event.symbol), t),
        }
        s.prices.append(event.price)
        s.sign, s.trade, s.trade_reference = sign, t, event.reference
        if event.size > 0:
            s.came.add("trade size")
        for model in self._on(s, "trade"):
            model.step({**inputs, **self._reference(model, event.reference)})
        early = False
        for interval in self.set.intervals:
            length = int(interval.size) * S
            if interval.name not in s.open:
                start = t // length * length if interval.kind == "time" else t
                s.open[interval.name] = Bar(start, missing=interval.name in s.missing)
                s.missing.discard(interval.name)
            bar = s.open[interval.name]
            bar.trades.append((t, event.price, event.size, sign * event.size))
            early |= interval.kind == "time" and event.ts_ns < bar.start
            filled = self._bar_inputs(s, interval.name, t, event.symbol)
            if interval.kind != "time" and filled[interval.kind] >= interval.size:
                self._close(s, interval.name, t, event, result)
        s.early += early

    def _quote(self, s: Symbol, event: Event, t: int) -> None:
        sides = (not isnan(event.bid)) + (not isnan(event.ask))
        if sides == 1:
            s.quote = None
        if sides < 2:
            return
        before = s.quote or (nan,) * 4
        s.quote = (event.bid, event.ask, event.bid_size, event.ask_size)
        names = ("bid", "ask", "bid_size", "ask_size")
        inputs = {
            **dict(zip(names, s.quote, strict=True)),
            **{f"previous_{name}": value for name, value in zip(names, before, strict=True)},
            "dt": (t - s.quoted) / S if s.quoted is not None else nan,
            **session_at(self.segments.get(event.symbol), t),
        }
        s.quoted = t
        s.came.add("quote")
        if not isnan(event.bid_size) and not isnan(event.ask_size):
            s.came.add("quote size")
        for model in self._on(s, "quote"):
            model.step({**inputs, **self._reference(model, event.reference)})

    def _tick(self, s: Symbol, event: Event, t: int) -> None:
        is_trade = not isnan(event.price)
        bid, ask, bid_size, ask_size = s.quote or (nan,) * 4
        inputs = {
            "dt": (t - s.tick) / S if s.tick is not None else nan,
            "is_trade": float(is_trade),
            "is_quote": float(not isnan(event.bid) and not isnan(event.ask)),
            "close": s.prices[-1] if s.prices else nan,
            "volume": event.size if is_trade else 0.0,
            "sign": float(s.sign),
            "signed": s.sign * event.size if is_trade else 0.0,
            "dollars": event.price * event.size if is_trade else 0.0,
            "bid": bid,
            "ask": ask,
            "bid_size": bid_size,
            "ask_size": ask_size,
            "mid": (bid + ask) / 2,
            "since_trade": (t - s.trade) / S if s.trade is not None else nan,
            **session_at(self.segments.get(event.symbol), t),
        }
        for model in self._on(s, "tick"):
            model.step({**inputs, **self._reference(model, event.reference)})

    def _with_open_bar(self, s: Symbol, model: Model, indicator: Indicator, event: Event, t: int) -> Model:
        assert indicator.interval is not None
        bar = s.open.get(indicator.interval.name)
        if bar is None:
            return model
        end = bar.start + int(indicator.interval.size) * S if indicator.interval.kind == "time" else t
        inputs = self._bar_inputs(s, indicator.interval.name, end, event.symbol)
        model = model.copy()
        model.step({**inputs, **self._reference(model, s.trade_reference)}, missing=bar.missing)
        return model
