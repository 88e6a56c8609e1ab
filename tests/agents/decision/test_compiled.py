"""Compilation: cached where it can be, without a cache where it cannot."""

import math
from collections.abc import Callable

import pytest
from numba import njit

from agents.decision.compiled import compiled

SOURCE = "def half(x):\n    return 1.0 / x / 2.0\n"


def half_without_file() -> Callable[[float], float]:
    """A function for which numba finds no place for a cache."""
    room: dict[str, Callable[[float], float]] = {}
    exec(compile(SOURCE, "<no file>", "exec"), room)  # noqa: S102  # the text above
    return room["half"]


def test_nowhere_to_write_costs_the_cache_and_nothing_else() -> None:
    with pytest.raises(RuntimeError, match="cannot cache"):
        njit(cache=True)(half_without_file())
    assert compiled(half_without_file())(4.0) == 0.125


def half(x: float) -> float:
    """The same with a file."""
    return 1.0 / x / 2.0


def test_division_by_zero_is_a_value() -> None:
    assert compiled(half)(0.0) == math.inf
    assert compiled(half_without_file())(0.0) == math.inf
