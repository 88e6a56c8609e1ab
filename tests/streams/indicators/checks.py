"""What is asked of a step called by itself: its definition, its warm-up, its bits."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

import numpy as np
from hypothesis import strategies as st

from streams.columns import F64
from streams.indicators.indicator import Indicator, Input
from tests.streams.indicators.stepping import Definition, Steps, drive, served

Allowed = Callable[[Steps, F64], F64 | float]
"""From a history and the values expected after each step: how far a value may be off."""


def relative(bound: float, level: float = 0.0) -> Allowed:
    """`bound` of the value, plus `level`."""
    return lambda _steps, expected: bound * np.abs(expected) + level


@dataclass(frozen=True, repr=False)
class Case:
    """An indicator with what it is held against."""

    indicator: Indicator
    histories: st.SearchStrategy[Steps]
    """Made by hypothesis."""
    seeded: Callable[[int, int], Steps]
    """From a seed and a length: one after whose warm-up there are values."""
    allowed: Allowed

    def __repr__(self) -> str:
        return self.indicator.name


def agree(case: Case, definition: Definition, steps: Steps) -> None:
    """Assert that the step gives what the definition does, after every step; an infinite value makes no claim."""
    indicator = case.indicator
    ours = served(indicator, drive(indicator, steps))
    theirs = np.array(definition(steps, *indicator.parameters), dtype=np.float64).reshape(ours.shape)
    claimed = ~np.isinf(theirs)
    np.testing.assert_array_equal(np.isnan(ours) & claimed, np.isnan(theirs) & claimed, err_msg=indicator.name)
    with np.errstate(invalid="ignore"):
        off = np.abs(ours - theirs) > case.allowed(steps, theirs)
    wrong = np.argwhere(claimed & ~np.isnan(theirs) & off)
    assert not len(wrong), [(tuple(at), ours[tuple(at)], theirs[tuple(at)]) for at in wrong[:5]]


def has_its_first_values_at_the_warm_up(case: Case, definition: Definition) -> None:
    """Assert that the definition has no value before the warm-up and one at it, or soon after it where undefined."""
    indicator = case.indicator
    steps = case.seeded(1, max(indicator.warmup) + 400)
    rows = np.array(definition(steps, *indicator.parameters), dtype=np.float64)
    for j, first in enumerate(indicator.warmup):
        assert np.all(np.isnan(rows[: first - 1, j])) or first == 1
        assert np.any(np.isfinite(rows[first - 1 :, j]))


def bits(values: F64) -> list[int]:
    """The bits of each number, so that NaN equals NaN and 0 is not -0."""
    found: list[int] = np.ascontiguousarray(values).view(np.uint64).ravel().tolist()
    return found


def is_the_same_interpreted(case: Case, steps: Steps) -> None:
    """Assert that the plain Python step gives the compiled one's outputs and state, bit for bit."""
    indicator = case.indicator
    one, other = np.zeros(indicator.state_size), np.zeros(indicator.state_size)
    plain = drive(indicator, steps, one, interpreted=True)
    assert bits(drive(indicator, steps, other)) == bits(plain)
    assert bits(one) == bits(other)


def goes_on_from_a_copy(case: Case, steps: Steps, cut: int) -> None:
    """Assert that state and outputs copied after `cut` steps are all that the rest depends on."""
    indicator = case.indicator
    whole = drive(indicator, steps)
    state, out = np.zeros(indicator.state_size), np.zeros(len(indicator.outputs))
    head = drive(indicator, steps.first(cut), state, out)
    tail = drive(indicator, after(steps, cut), state.copy(), out.copy())
    assert bits(np.concatenate((head, tail))) == bits(whole)


def after(steps: Steps, cut: int) -> Steps:
    """What follows the first `cut` steps, whose `count` goes on."""
    return Steps(**{name: steps[name][cut:] for name in get_args(Input)})
