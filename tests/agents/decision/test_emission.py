"""The emission policy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.decision.emission import NOTHING_YET, Emission, Emitted, parse_emission
from streams.errors import ConfigError

decisions = st.lists(st.tuples(st.integers(0, 2), st.integers(-1_000, 5_000)))


def emitted(emission: Emission, given: list[tuple[int, int]]) -> list[int]:
    """Places of the decisions that became signals."""
    last, found = NOTHING_YET, []
    for place, (action, ts_ns) in enumerate(given):
        if emission.emits(last, action, ts_ns):
            last = Emitted(action, ts_ns)
            found.append(place)
    return found


@given(decisions)
def test_every(given: list[tuple[int, int]]) -> None:
    """All of them, and nothing is remembered."""
    assert emitted(Emission(), given) == list(range(len(given)))
    assert not Emission().remembers


@given(decisions)
def test_change(given: list[tuple[int, int]]) -> None:
    """Exactly where the action is another than before."""
    actions = [action for action, _ in given]
    expected = [i for i, action in enumerate(actions) if i == 0 or action != actions[i - 1]]
    assert emitted(Emission("change"), given) == expected


@given(decisions, st.integers(1, 2_000))
def test_interval(given: list[tuple[int, int]], interval: int) -> None:
    """Signals are at least so far apart, and whatever lies between two is too close to the one before."""
    places = emitted(Emission("interval", interval), given)
    assert places[:1] == ([0] if given else [])
    last = None
    for place, (_, ts_ns) in enumerate(given):
        assert (place in places) == (last is None or ts_ns - last >= interval)
        last = ts_ns if place in places else last


def test_settings() -> None:
    """As HAYATE_EMIT has them."""
    assert parse_emission("every") == Emission()
    assert parse_emission("change") == Emission("change")
    assert parse_emission("250ms") == Emission("interval", 250_000_000)
    for text in ("", "0ms", "5s", "always", "-1ms", "5 ms"):
        with pytest.raises(ConfigError, match="HAYATE_EMIT"):
            parse_emission(text)
