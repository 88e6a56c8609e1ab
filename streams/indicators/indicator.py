"""What an indicator is: a family (one file each), its parameters, and a compiled step over flat float64 state.

A step is a pure function `step(state, out, *inputs, *parameters)`:

- `state`: the indicator's own float64 slots. All zeros before its first step; everything the step remembers is in
  there or in `out`, so that a copy of both is a copy of the indicator, bit for bit.
- `out`: float64, one slot per output, in the order of `outputs`. The step may write anything before an output's
  warm-up is over (the kernel shows NaN and `warming` until then); after it, a number, or NaN where the formula has no
  value (shown as `undefined`, or as `unavailable` where what the family `needs` never came). Between steps the slots
  keep what was written.
- inputs: those that the family names in `inputs`, in that order (see `Input`).
- parameters: as in `parameters`, compiled into the kernel as constants.

Steps run inside the generated fold loop of streams/kernel.py, when what the family is `on` happens, without bounds
checks, allocation or fast-math. Division by zero gives inf or NaN as in IEEE 754.

A family that is on trades can also be put on bars (`rsi_14@1m`): it then steps at every closed bar. To it a trade is a
bar of one trade, whose open, high, low and close are the price.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from numba import njit

from streams.bars import Interval
from streams.errors import ConfigError

Number = int | float

On = Literal["trade", "quote", "tick"]
"""When an indicator steps: at each trade (or closed bar), at each tick that is a quote, or at each tick."""

Group = Literal["trend", "momentum", "volatility", "volume", "microstructure", "context"]
"""Where the catalogue page lists a family."""

OnGap = Literal["hold", "reset", "decay"]
"""What becomes of the state where data are missing. `hold`: kept, and the outputs are `gapped` until as many steps as
the warm-up have followed. `reset`: zeroed, `warming` again. `decay`: kept, for the formula itself forgets by elapsed
time; the first step that follows is `gapped`. On bars, a bar in which data are missing is not one of those that
follow."""

Need = Literal["quote", "size", "reference"]
"""Something that a market may not send: quotes, quantities (of quotes or trades), ticks of the reference symbol."""

Input = Literal[
    "count",
    "open",
    "high",
    "low",
    "close",
    "previous",
    "volume",
    "dollars",
    "trades",
    "signed",
    "sign",
    "rule",
    "mid",
    "dt",
    "bid",
    "ask",
    "bid_size",
    "ask_size",
    "previous_bid",
    "previous_ask",
    "previous_bid_size",
    "previous_ask_size",
    "is_trade",
    "is_quote",
    "since_trade",
    "session",
    "since_open",
    "phase",
    "reference",
]
"""What a step may ask for. Everything is float64 except `count`, `session`, `phase`, `sign`, `rule`, `is_trade` and
`is_quote`, which are int64.

For all: `count`: steps of this indicator including this one, from 1 (anew after a `reset`). `dt`: seconds of event time
since the step before, >= 0, NaN at the first. `session`: start of the session in seconds since the epoch, 0 outside of
any. `since_open`: seconds since the session's start, NaN outside. `phase`: 0 closed, 1 open, 2 break. `reference`: last
price of the reference symbol (`beta_60@1m~n225`), NaN before its first. A bar's step is at the bar's end: `dt` is from
end to end; its `session`, `since_open`, `phase` and `reference` are those of the bar's last trade.

On trades: `open`, `high`, `low`, `close`: of the bar, or all the trade's price. `previous`: `close` of the step before,
NaN at the first. `volume`: quantity. `dollars`: price x quantity. `trades`: how many, as float64. `signed`: quantity
bought less quantity sold by the aggressor. Only on trades, not on bars: `sign`: +1 bought, -1 sold by the aggressor, 0
unknown. `rule`: what told the sign: 0 nothing, 1 the venue, 2 the quote (Lee-Ready), 3 the tick rule. `mid`: middle of
the quote in force before the trade (on bars: at the close), NaN without one.

On quotes: `bid`, `ask`, `bid_size`, `ask_size` of the quote; sizes are NaN where the market does not send them. The
same with `previous_`: of the quote before, NaN at the first and after one that had one side only.

On ticks, after trade and quote of the tick are taken: `is_trade`, `is_quote` (0 or 1); `close`, `volume`, `sign`,
`signed`, `dollars` of the last trade (NaN or 0 before the first; the quantities are 0 where the tick is no trade);
`bid`, `ask`, `bid_size`, `ask_size`, `mid` now in force, NaN without; `since_trade`: seconds since the last trade, NaN
before it."""

DECIMALS: Final = 9
"""Most decimals of a parameter, so that its name says exactly what it is."""

compiled: Final = njit(error_model="numpy")
"""Decorator of every step and of what steps call. It compiles nothing by itself: the kernel does, at its first use."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a family, of the type of `usual`: an int takes whole numbers, a float takes decimals too."""

    name: str
    usual: Number
    """The default where the family has short names, else what error messages give as the example."""
    minimum: Number
    maximum: Number

    def check(self, value: Number, where: str) -> Number:
        """Return `value` as the parameter's type, or raise a ConfigError that says what it may be."""
        if not self.minimum <= value <= self.maximum:
            raise ConfigError(
                f"{where}: {self.name}={written(value)} is out of range; "
                f"use {written(self.minimum)} to {written(self.maximum)}"
            )
        if isinstance(self.usual, int) and value != int(value):
            raise ConfigError(
                f"{where}: {self.name}={written(value)} must be a whole number, for example {written(self.usual)}"
            )
        if value != round(value, DECIMALS):
            raise ConfigError(f"{where}: {self.name} has more than {DECIMALS} decimals; round it")
        return type(self.usual)(value)


@dataclass(frozen=True, slots=True)
class Family:
    """An indicator with its parameters open: what one file of the catalogue defines."""

    name: str
    """Lower case, what people write before the parameters: `macd` in `macd_8_21_5`."""
    outputs: tuple[str, ...]
    """Names of the outputs, without parameters."""
    parameters: tuple[Parameter, ...]
    short: bool
    """Whether `name` alone means the usual parameters (and names the outputs alone), or they are always spelled out."""
    inputs: tuple[Input, ...]
    state_size: Callable[..., int]
    """Float64 slots of state, from the parameters."""
    warmup: Callable[..., tuple[int, ...]]
    """Per output, from the parameters: how many steps until its first value (1: there from the first step on)."""
    step: Callable[..., Any]
    group: Group
    on: On = "trade"
    on_gap: OnGap = "hold"
    needs: tuple[Need, ...] = ()
    """Without these there is no value: it is `unavailable` until they have come."""
    revision: int = 1
    """Raised with every change of what the state or the values mean: rows of another revision are refused."""
    check: Callable[..., str | None] = lambda *_: None
    """From the parameters: what is wrong with their combination and the remedy, or None."""

    @property
    def example(self) -> str:
        """A name that works, for error messages (`index` stands for a reference symbol of the feature set)."""
        name = self.name if self.short else self.spelled(tuple(parameter.usual for parameter in self.parameters))
        return f"{name}~index" if self.refers else name

    @property
    def refers(self) -> bool:
        """Whether it compares with a reference symbol."""
        return "reference" in self.inputs

    def spelled(self, parameters: tuple[Number, ...]) -> str:
        """The name with its parameters written out."""
        return "_".join((self.name, *map(written, parameters)))

    def indicator(self, *parameters: Number, text: str = "") -> "Indicator":
        """The indicator with these parameters; none means the usual ones where the family has short names.

        `text` is what somebody wrote for it, for error messages.

        Raises:
            ConfigError: for a wrong number of parameters, one out of range, or a combination without meaning.
        """
        where = text or self.spelled(parameters)
        if not parameters and self.short:
            parameters = tuple(parameter.usual for parameter in self.parameters)
        if len(parameters) != len(self.parameters):
            names = ", ".join(parameter.name for parameter in self.parameters)
            full = self.spelled(tuple(parameter.usual for parameter in self.parameters))
            none = f"{self.name!r} or " if self.short else ""
            raise ConfigError(f"{where}: {self.name} has the parameters {names}; write {none}all of them: {full!r}")
        checked = tuple(p.check(value, where) for p, value in zip(self.parameters, parameters, strict=True))
        if fault := self.check(*checked):
            raise ConfigError(f"{where}: {fault}")
        usual = self.short and checked == tuple(parameter.usual for parameter in self.parameters)
        suffix = "" if usual else "".join(f"_{written(value)}" for value in checked)
        return Indicator(
            name=self.name + suffix,
            family=self,
            parameters=checked,
            outputs=tuple(output + suffix for output in self.outputs),
            state_size=self.state_size(*checked),
            warmup=self.warmup(*checked),
        )


@dataclass(frozen=True, slots=True)
class Indicator:
    """A family with its parameters, and what it is put on: what a feature set is made of."""

    name: str
    """The one way to write it: `macd`, `macd_8_21_5`, `sma_20@1m.live`, `beta_60@1m~n225`."""
    family: Family
    parameters: tuple[Number, ...]
    outputs: tuple[str, ...]
    state_size: int
    warmup: tuple[int, ...]
    """Per output, the steps until its first value."""
    interval: Interval | None = None
    """Of the bars that it is put on, None for single events."""
    live: bool = False
    """Whether its values include the open bar."""
    reference: str = ""
    """Alias of its reference symbol, empty for none."""

    def placed(self, interval: Interval | None, *, live: bool = False, reference: str = "") -> "Indicator":
        """The same put on bars, with the open one or without, or beside a reference symbol.

        Raises:
            ConfigError: where that has no meaning.
        """
        family, name = self.family, self.name
        suffix = f"@{interval.name}" + ".live" * live if interval is not None else ""
        suffix += f"~{reference}" if reference else ""
        if interval is not None and family.on != "trade":
            made_of = "quotes" if family.on == "quote" else "single ticks"
            raise ConfigError(f"{name}{suffix}: {family.name} is made of {made_of}, not of bars; write {name!r}")
        if interval is not None and (single := {"sign", "rule"} & set(family.inputs)):
            raise ConfigError(
                f"{name}{suffix}: {family.name} takes the {min(single)} of single trades, which bars have not; "
                f"write {name!r}"
            )
        if reference and not family.refers:
            raise ConfigError(f"{name}{suffix}: {family.name} compares with no other symbol; leave out '~{reference}'")
        if family.refers and not reference:
            raise ConfigError(
                f"{name}{suffix}: {family.name} compares with another symbol; write '{name}{suffix}~index' "
                "and give index a symbol in [references]"
            )
        return replace(
            self,
            name=name + suffix,
            outputs=tuple(output + suffix for output in self.outputs),
            interval=interval,
            live=live,
            reference=reference,
        )

    @property
    def held(self) -> str:
        """Name of what keeps its state: a live variant has the state of its closed bars."""
        return self.name.replace(".live", "", 1) if self.live else self.name


def written(value: Number) -> str:
    """A number as it stands in a name: `20`, `1.5`, and `2` for 2.0."""
    return str(value) if isinstance(value, int) else f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".")
