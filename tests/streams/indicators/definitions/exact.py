"""Sixty-digit arithmetic for definitions, on lists with one entry per step: None where there is no value yet."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal, localcontext
from functools import lru_cache, wraps
from itertools import pairwise
from typing import ParamSpec, TypeVar

from streams.columns import F64

P = ParamSpec("P")
R = TypeVar("R")

Exact = Decimal
Series = list[Decimal | None]

NAN = float("nan")
ZERO = Decimal(0)
HUNDRED = Decimal(100)


def sixty_digits(definition: Callable[P, R]) -> Callable[P, R]:
    """Run `definition` with 60 digits."""

    @wraps(definition)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with localcontext() as context:
            context.prec = 60
            return definition(*args, **kwargs)

    return wrapped


def exact(values: F64) -> list[Decimal]:
    """The numbers that the doubles are."""
    return [Decimal(value) for value in values.tolist()]


@lru_cache(maxsize=100_000)
def ln(ratio: Decimal) -> Decimal:
    return ratio.ln()


def full_windows(values: Sequence[Decimal | None], n: int) -> list[list[Decimal] | None]:
    """At every step the last n values, oldest first; None where one of them is missing."""
    windows: list[list[Decimal] | None] = []
    for i in range(len(values)):
        window = [value for value in values[max(i + 1 - n, 0) : i + 1] if value is not None]
        windows.append(window if len(window) == n else None)
    return windows


def mean(values: Sequence[Decimal]) -> Decimal:
    return sum(values, ZERO) / len(values)


def rolling_mean(values: Sequence[Decimal | None], n: int) -> Series:
    return [None if window is None else mean(window) for window in full_windows(values, n)]


def smoothed(values: Sequence[Decimal | None], n: int, weight: Decimal) -> Series:
    """a += weight (x - a), started with the mean of the first n values that are there."""
    averages: Series = []
    start: list[Decimal] = []
    average: Decimal | None = None
    for value in values:
        if value is not None and average is not None:
            average += weight * (value - average)
        elif value is not None:
            start.append(value)
            average = mean(start) if len(start) == n else None
        averages.append(average)
    return averages


def ema(values: Sequence[Decimal | None], n: int) -> Series:
    return smoothed(values, n, Decimal(2) / (n + 1))


def wilder(values: Sequence[Decimal | None], n: int) -> Series:
    return smoothed(values, n, Decimal(1) / n)


def changes(values: Sequence[Decimal]) -> Series:
    """From the step before; None for the first."""
    return [None, *(now - before for before, now in pairwise(values))][: len(values)]


def positive(values: Iterable[Decimal | None]) -> Series:
    """Each value, 0 for those below 0."""
    return [None if value is None else max(value, ZERO) for value in values]


def negative(values: Iterable[Decimal | None]) -> Series:
    """How far each value is below 0."""
    return positive(None if value is None else -value for value in values)


def rows(*outputs: Sequence[Decimal | None]) -> list[tuple[float, ...]]:
    """One row per step; all outputs are NaN until all are there."""
    return [
        tuple(NAN if value is None or None in step else float(value) for value in step)
        for step in zip(*outputs, strict=True)
    ]
