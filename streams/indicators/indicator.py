"""What an indicator is: a family (one file each), its parameters, and a compiled step over flat float64 state.

A step is a pure function `step(state, out, *inputs, *parameters)`:

- `state`: the indicator's own float64 slots. All zeros before the first trade; everything the step remembers is in
  there, so that a copy of the slots is a copy of the indicator, bit for bit.
- `out`: float64, one slot per output, in the order of `outputs`. The step may write anything before an output's
  warm-up is over (the kernel shows NaN and `warming` until then); after it, a number, or NaN where the formula has no
  value (shown as `undefined`). Between steps the slots keep what was written.
- inputs: those that the family names in `inputs`, in that order (see `Input`).
- parameters: as in `parameters`, compiled into the kernel as constants.

Steps run inside the generated fold loop of streams/kernel.py, once per trade, without bounds checks, allocation or
fast-math. Division by zero gives inf or NaN as in IEEE 754.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from numba import njit

from streams.errors import ConfigError

Number = int | float

Input = Literal["trades", "price", "previous"]
"""`trades`: int64, trades of the symbol including this one, from 1. `price`: float64, of this trade. `previous`:
float64, price of the trade before, NaN at the first."""

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
    """Per output, from the parameters: how many trades until its first value (1: there from the first trade on)."""
    step: Callable[..., Any]
    revision: int = 1
    """Raised with every change of what the state or the values mean: rows of another revision are refused."""
    check: Callable[..., str | None] = lambda *_: None
    """From the parameters: what is wrong with their combination and the remedy, or None."""

    @property
    def example(self) -> str:
        """A name that works, for error messages."""
        return self.name if self.short else self.spelled(tuple(parameter.usual for parameter in self.parameters))

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
    """A family with its parameters: what a feature set is made of."""

    name: str
    """The one way to write it: `macd`, `macd_8_21_5`, `sma_20`."""
    family: Family
    parameters: tuple[Number, ...]
    outputs: tuple[str, ...]
    state_size: int
    warmup: tuple[int, ...]
    """Per output, the trades until its first value."""


def written(value: Number) -> str:
    """A number as it stands in a name: `20`, `1.5`, and `2` for 2.0."""
    return str(value) if isinstance(value, int) else f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".")
