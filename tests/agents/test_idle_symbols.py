"""Symbols without ticks go after their time, never one that is needed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import idle_symbols
from agents.idle_symbols import IdleSymbols


class Clock:
    """Seconds, as the test says."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_only_after_its_time_and_once() -> None:
    clock = Clock()
    idle = IdleSymbols(10.0, clock)
    idle.touch(["A", "B", "B"])
    clock.now += 6
    idle.touch(["B"])
    clock.now += 3.9
    assert idle.take(()) == []
    clock.now += 0.2
    assert idle.take(()) == ["A"]
    clock.now += 6
    assert idle.take({"B", "C"}) == []
    clock.now += 1
    assert idle.take(()) == ["B"]
    clock.now += 100
    assert idle.take(()) == []


def test_never() -> None:
    clock = Clock()
    idle = IdleSymbols(0.0, clock)
    idle.touch(["A"])
    clock.now += 1e9
    assert idle.take(()) == []


def test_many_go_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle_symbols, "AT_ONCE", 3)
    clock = Clock()
    idle = IdleSymbols(10.0, clock)
    idle.touch("ABCDEFG")
    clock.now += 10
    assert [idle.take(()) for _ in range(4)] == [list("ABC"), list("DEF"), ["G"], []]


def test_forgotten() -> None:
    clock = Clock()
    idle = IdleSymbols(10.0, clock)
    idle.touch("A")
    idle.clear()
    clock.now += 20
    assert idle.take(()) == []


@given(st.lists(st.tuples(st.sampled_from("ABCDE"), st.floats(0, 8)), max_size=40), st.sets(st.sampled_from("ABCDE")))
def test_whoever_goes_was_idle_and_nobody_stays_much_longer(touches: list[tuple[str, float]], needed: set[str]) -> None:
    clock = Clock()
    idle = IdleSymbols(10.0, clock)
    seen: dict[str, float] = {}
    for symbol, pause in touches:
        clock.now += pause
        for gone in idle.take(needed):
            assert gone not in needed
            assert clock.now - seen.pop(gone) >= 10.0
        idle.touch([symbol])
        seen[symbol] = clock.now
    clock.now += 11.1
    assert set(idle.take(())) == set(seen)
