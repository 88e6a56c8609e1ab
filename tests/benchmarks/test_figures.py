"""The arithmetic of the figures: medians, ratios within a round, the file they are kept in."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks import figures
from tests.benchmarks.figures import OURS, Case, Spread

POSITIVE = st.floats(1e-6, 1e9)


def case(**changes: object) -> Case:
    made = Case("name", "Title", "About.", {"ticks_s": "ticks/s", "ms": "ms"}, ["ticks_s"])
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def test_ratios_are_taken_within_a_round() -> None:
    made = case()
    for ours, theirs in ((100.0, 10.0), (50.0, 10.0), (300.0, 10.0)):
        made.add(OURS, ticks_s=ours)
        made.add("peer", ticks_s=theirs)
    assert made.advantage("peer", "ticks_s") == Spread(10.0, 5.0, 30.0)


def test_of_a_latency_less_is_better() -> None:
    made = case(base="bare")
    made.add("bare", ms=2.0)
    made.add(OURS, ms=3.0)
    assert made.advantage(OURS, "ms") == Spread(1.5, 1.5, 1.5)


def test_what_was_not_measured_is_none() -> None:
    made = case()
    made.add(OURS, ticks_s=1.0)
    assert made.spread("peer", "ticks_s") is None
    assert made.advantage("peer", "ticks_s") is None
    assert made.spread(OURS, "ms") is None


def test_a_measure_without_a_unit_is_refused_by_name() -> None:
    with pytest.raises(KeyError, match="speed of peer: the case name has ticks_s, ms"):
        case().add("peer", speed=1.0)


def test_a_zero_makes_no_ratio() -> None:
    assert figures.ratios([1.0, 2.0], [0.0, 4.0], more_is_better=True) == [0.5]
    assert figures.ratios([0.0, 2.0], [1.0, 4.0], more_is_better=False) == [2.0]


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=1, max_size=9))
def test_the_other_side_of_a_ratio_is_its_inverse(pairs: list[tuple[float, float]]) -> None:
    ours, theirs = [a for a, _ in pairs], [b for _, b in pairs]
    there = figures.ratios(ours, theirs, more_is_better=True)
    back = figures.ratios(theirs, ours, more_is_better=True)
    assert [a * b for a, b in zip(there, back, strict=True)] == pytest.approx([1.0] * len(pairs))
    assert figures.ratios(ours, theirs, more_is_better=False) == back


@given(st.lists(POSITIVE, min_size=1, max_size=9))
def test_a_median_lies_in_its_range(values: list[float]) -> None:
    found = figures.spread(values)
    assert found is not None
    assert found.least <= found.median <= found.most


def test_kept_cases_come_back_and_replace_older_ones(tmp_path: Path) -> None:
    path = tmp_path / "docs" / "benchmarks.json"
    assert figures.load(path) == {}
    first, other = case(), case(name="other")
    first.add(OURS, ticks_s=1.5)
    figures.keep(path, first)
    figures.keep(path, other)
    first.add(OURS, ticks_s=2.5)
    figures.keep(path, first)
    figures.keep(None, case(name="nowhere"))
    assert figures.load(path) == {"name": first, "other": other}
