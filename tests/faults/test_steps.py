"""Steps are places of the product as it is, and a process strikes at the passing it was told."""

import importlib
import signal
import sys
from types import ModuleType
from typing import Any

import pytest

from tests.faults import guards, steps
from tests.faults.steps import STEPS, Step, Strike, arm, around, find


@pytest.mark.parametrize("name", STEPS)
def test_every_step_is_there(name: str) -> None:
    """A function that was renamed is found here, not in the middle of a long run."""
    _, _, function = find(STEPS[name].target)
    assert callable(function)


def test_a_strike_survives_its_text() -> None:
    """It travels to the worker in the environment."""
    strike = Strike(signal.SIGSTOP, "committed", 3)
    assert Strike.parse(str(strike)) == strike
    assert str(strike) == "SIGSTOP:committed:3"


async def test_around_keeps_what_it_wraps() -> None:
    """Functions and coroutines give what they gave, and are seen before and after."""
    seen: list[Any] = []

    def double(x: int) -> int:
        return 2 * x

    async def triple(x: int) -> int:
        return 3 * x

    assert around(double, before=seen.append)(2) == 4
    assert await around(triple, after=seen.append)(3) == 9
    assert seen == [2, 3]


def test_it_strikes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the count-th passing by a lane of the step's job, not before, not again."""

    class Job:
        pass

    class Lane:
        job = Job()

        def step(self) -> None:
            pass

    module = ModuleType("a_product")
    module.Lane = Lane  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_product", module)
    struck: list[int] = []
    for job in ("Job", "Another"):
        monkeypatch.setitem(steps.STEPS, "s", Step("a_product:Lane.step", "before", 9, job))
        arm(Strike(signal.SIGKILL, "s", 2), lambda pid, number: struck.append(number))  # noqa: ARG005
        for _ in range(3):
            Lane().step()
    assert struck == [signal.SIGKILL]


@pytest.mark.parametrize("name", guards.GUARDS)
def test_a_guard_can_be_taken_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it replaces is there; put back afterwards."""
    before = {}
    for owner_name, attribute in guards.REPLACED[name]:
        module, _, class_name = owner_name.partition(":")
        owner = importlib.import_module(module)
        owner = getattr(owner, class_name) if class_name else owner
        before[owner, attribute] = getattr(owner, attribute)
        monkeypatch.setattr(owner, attribute, getattr(owner, attribute))
    guards.GUARDS[name]()
    assert all(getattr(owner, attribute) is not old for (owner, attribute), old in before.items())
