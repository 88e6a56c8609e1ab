"""Families made to look at the fold: their outputs are what their steps are given, or what they are to remember.

`DEFINITIONS` says the same over the list of all inputs since the beginning or the last reset.
"""

from collections.abc import Callable, Mapping, Sequence
from math import isnan, nan
from typing import Any, Final

from streams.bars import interval
from streams.feature_set import FeatureSet
from streams.feature_set_options import Options
from streams.indicators.indicator import Family, Indicator, Input, OnGap, compiled

Inputs = Mapping[str, float]
"""What one step was given, by name."""

Definition = Callable[[Sequence[Inputs]], Sequence[float]]

ON_BARS: Final[tuple[Input, ...]] = (
    "count", "open", "high", "low", "close", "previous", "volume", "dollars", "trades", "signed", "mid", "dt",
    "session", "since_open", "phase",
)  # fmt: skip
ON_TRADES: Final[tuple[Input, ...]] = ("sign", "rule", "session", "phase")
ON_QUOTES: Final[tuple[Input, ...]] = (
    "count", "dt", "bid", "ask", "bid_size", "ask_size", "previous_bid", "previous_ask", "previous_bid_size",
    "previous_ask_size", "session", "since_open", "phase",
)  # fmt: skip
ON_TICKS: Final[tuple[Input, ...]] = (
    "count", "dt", "is_trade", "is_quote", "close", "volume", "sign", "signed", "dollars", "bid", "ask", "bid_size",
    "ask_size", "mid", "since_trade", "session", "since_open", "phase",
)  # fmt: skip


@compiled
def show_bar(
    _state: Any, out: Any, count: int, open_: float, high: float, low: float, close: float, previous: float,
    volume: float, dollars: float, trades: float, signed: float, mid: float, dt: float, session: int,
    since_open: float, phase: int,
) -> None:  # fmt: skip
    """Everything that a step on bars is given."""
    shown = (
        float(count), open_, high, low, close, previous, volume, dollars, trades, signed, mid, dt, float(session),
        since_open, float(phase),
    )  # fmt: skip
    for i in range(15):
        out[i] = shown[i]


@compiled
def show_sign(_state: Any, out: Any, sign: int, rule: int, session: int, phase: int) -> None:
    """What only single trades have."""
    out[0], out[1], out[2], out[3] = sign, rule, session, phase


@compiled
def show_quote(
    _state: Any, out: Any, count: int, dt: float, bid: float, ask: float, bid_size: float, ask_size: float,
    previous_bid: float, previous_ask: float, previous_bid_size: float, previous_ask_size: float, session: int,
    since_open: float, phase: int,
) -> None:  # fmt: skip
    """Everything that a step on quotes is given."""
    shown = (
        float(count), dt, bid, ask, bid_size, ask_size, previous_bid, previous_ask, previous_bid_size,
        previous_ask_size, float(session), since_open, float(phase),
    )  # fmt: skip
    for i in range(13):
        out[i] = shown[i]


@compiled
def show_tick(
    _state: Any, out: Any, count: int, dt: float, is_trade: int, is_quote: int, close: float, volume: float, sign: int,
    signed: float, dollars: float, bid: float, ask: float, bid_size: float, ask_size: float, mid: float,
    since_trade: float, session: int, since_open: float, phase: int,
) -> None:  # fmt: skip
    """Everything that a step on ticks is given."""
    shown = (
        float(count), dt, float(is_trade), float(is_quote), close, volume, float(sign), signed, dollars, bid, ask,
        bid_size, ask_size, mid, since_trade, float(session), since_open, float(phase),
    )  # fmt: skip
    for i in range(18):
        out[i] = shown[i]


@compiled
def add_up(state: Any, out: Any, close: float, volume: float) -> None:
    """Remembers in the state and in the outputs."""
    state[0] += close
    state[1] += volume
    out[0] += 1.0
    out[1] = state[0]
    out[2] = state[1]


@compiled
def compare(_state: Any, out: Any, close: float, reference: float) -> None:
    """The reference beside the close."""
    out[0] = close
    out[1] = reference


@compiled
def take_size(_state: Any, out: Any, volume: float) -> None:
    """No value without quantity."""
    out[0] = volume if volume > 0.0 else nan


@compiled
def take_mid(_state: Any, out: Any, mid: float) -> None:
    """No value without a quote."""
    out[0] = mid


@compiled
def take_quote_size(_state: Any, out: Any, bid_size: float) -> None:
    """No value without the quantity of a quote."""
    out[0] = bid_size


def _family(
    name: str,
    outputs: tuple[str, ...],
    inputs: tuple[Input, ...],
    step: Any,
    *,
    warmup: int = 1,
    state: int = 0,
    **more: Any,
) -> Family:
    return Family(
        name=name,
        outputs=tuple(f"{name}_{output}" for output in outputs),
        parameters=(),
        short=True,
        inputs=inputs,
        state_size=lambda: state,
        warmup=lambda: (1,) * (len(outputs) - 1) + (warmup,),
        step=step,
        group="context",
        **more,
    )


def _adding(name: str, on_gap: OnGap) -> Family:
    return _family(name, ("steps", "closes", "volumes"), ("close", "volume"), add_up, warmup=3, state=2, on_gap=on_gap)


FAMILIES: Final = {
    family.name: family
    for family in (
        _family("bar", ON_BARS, ON_BARS, show_bar, warmup=2),
        _family("signs", ON_TRADES, ON_TRADES, show_sign),
        _family("quotes", ON_QUOTES, ON_QUOTES, show_quote, on="quote", warmup=2, on_gap="reset"),
        _family("ticks", ON_TICKS, ON_TICKS, show_tick, on="tick", on_gap="reset"),
        _adding("held", "hold"),
        _adding("anew", "reset"),
        _adding("fading", "decay"),
        _family("compared", ("close", "reference"), ("close", "reference"), compare, needs=("reference",)),
        _family("sized", ("size",), ("volume",), take_size, needs=("size",), warmup=2),
        _family("middle", ("mid",), ("mid",), take_mid, needs=("quote",)),
        _family("depth", ("size",), ("bid_size",), take_quote_size, needs=("size", "quote"), on="quote"),
    )
}


def _shown(*names: str) -> Definition:
    return lambda steps: [steps[-1][name] for name in names]


def _added(steps: Sequence[Inputs]) -> Sequence[float]:
    closes = volumes = 0.0
    for step in steps:
        closes += step["close"]
        volumes += step["volume"]
    return float(len(steps)), closes, volumes


def _size(steps: Sequence[Inputs]) -> Sequence[float]:
    volume = steps[-1]["volume"]
    return [nan if isnan(volume) or volume <= 0.0 else volume]


DEFINITIONS: Final[dict[str, Definition]] = {
    "bar": _shown(*ON_BARS),
    "signs": _shown(*ON_TRADES),
    "quotes": _shown(*ON_QUOTES),
    "ticks": _shown(*ON_TICKS),
    "held": _added,
    "anew": _added,
    "fading": _added,
    "compared": _shown("close", "reference"),
    "sized": _size,
    "middle": _shown("mid"),
    "depth": _shown("bid_size"),
}


def probe(text: str) -> Indicator:
    """A probe by name: `bar`, `held@3t.live`, `compared@2s~index`."""
    rest, _, reference = text.partition("~")
    name, _, place = rest.partition("@")
    bars = interval(place.removesuffix(".live")) if place else None
    return FAMILIES[name].indicator().placed(bars, live=place.endswith(".live"), reference=reference)


def probes(*names: str, **options: Any) -> FeatureSet:
    """A feature set of probes."""
    indicators = tuple(map(probe, names))
    read = Options.read(options)
    read.check([output for indicator in indicators for output in indicator.outputs])
    return FeatureSet("probes", indicators, read)
