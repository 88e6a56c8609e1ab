"""Schedules follow from their seed, and nothing in them is impossible."""

from hypothesis import given
from hypothesis import strategies as st

from tests.faults.schedule import NAMES, turns

HURTS = {"kill": 1.0, "term": 2.0, "freeze": 1.0}


@given(seed=st.integers(0, 10**9), count=st.integers(1, 30), most=st.integers(2, 4))
def test_a_schedule_can_be_played(seed: int, count: int, most: int) -> None:
    """Nobody is hurt who does not run, somebody is always awake to be hurt, and somebody runs at the end."""
    actions = turns(seed, count, HURTS, most=most)
    assert actions == turns(seed, count, HURTS, most=most)
    assert sum(action.what in HURTS for action in actions) == count
    running: set[str] = set()
    frozen: set[str] = set()
    for action in actions:
        assert action.wait_s >= 0
        assert action.name in NAMES[:most]
        if action.what == "start":
            assert action.name not in running
            running.add(action.name)
        elif action.what == "thaw":
            frozen.remove(action.name)
        else:
            assert action.name in running - frozen
            if action.what == "freeze":
                frozen.add(action.name)
                assert running - frozen, "somebody is left awake"
            else:
                running.remove(action.name)
    assert running
    assert not frozen
