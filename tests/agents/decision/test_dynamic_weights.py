"""Dynamic weights against a plain reading of their formula, and what they are for."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.decision.dynamic_weights import FLOOR, RATE, SHARE, learn
from streams.columns import F64


def plain(w: list[float], prior: list[float], p: list[float]) -> list[float]:
    """The docstring's formula, for one label."""
    awake = [j for j, each in enumerate(p) if not math.isnan(each)]
    v = list(w)
    for j in awake:
        v[j] = w[j] * math.exp(-RATE * -math.log(max(p[j], FLOOR)))
    after = sum(v[j] for j in awake)
    if not after > 0.0:
        return w
    for j in awake:
        v[j] *= sum(w[i] for i in awake) / after
    return [(1 - SHARE) * each + SHARE * prior[j] for j, each in enumerate(v)]


labels = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.lists(st.floats(0.0, 1.0) | st.just(math.nan), min_size=3, max_size=3),
        st.sampled_from([-1, 0, 1]),
    ),
    max_size=30,
)
"""Symbol, the members' probability of what happened, what happened."""


@given(labels, st.sampled_from([(0.2, 0.3, 0.5), (1.0, 0.0, 0.0), (0.5, 0.5, 0.0)]))
@settings(deadline=None)
def test_the_formula(given: list[tuple[int, list[float], int]], prior: tuple[float, ...]) -> None:
    """Symbol by symbol; each record sees what was learnt before it; shares stay shares."""
    weights = np.tile(prior, (2, 1))
    expected = [list(prior), list(prior)]
    members = np.full((len(given), 3, 3), np.nan)
    for k, (_, p, label) in enumerate(given):
        for j, each in enumerate(p):
            if not math.isnan(each):
                members[k, j] = (1 - each) / 2
                members[k, j, label + 1] = each
    rows = np.array([symbol for symbol, _, _ in given] or [0], np.int64)
    out = learn(
        weights,
        np.array(prior),
        rows,
        members,
        np.array([label for *_, label in given], np.int8),
        np.arange(len(given), dtype=np.int64),
    )
    for k, (symbol, p, _) in enumerate(given):
        expected[symbol] = plain(expected[symbol], list(prior), p)
        assert out[k] == pytest.approx(expected[symbol], abs=1e-12)
    assert weights == pytest.approx(np.array(expected), abs=1e-12)
    assert weights.sum(axis=1) == pytest.approx(1.0)
    assert (weights[:, np.array(prior) == 0.0] == 0.0).all()


def many(weights: F64, right: list[int], count: int) -> F64:
    """Labels of which the members in `right` gave 0.6 to what happened, the others 0.2."""
    members = np.full((count, 3, 3), 0.4)
    members[:, :, 2] = 0.2
    members[:, right, 2] = 0.6
    prior = np.full(3, 1 / 3)
    ones, at = np.ones(count, np.int8), np.arange(count, dtype=np.int64)
    return learn(weights, prior, np.zeros(count, np.int64), members, ones, at)


def test_the_better_member_wins_and_can_lose_again() -> None:
    """After a day of being right, an hour of being wrong is enough: what flows back to the prior keeps it alive."""
    weights = np.full((1, 3), 1 / 3)
    many(weights, [0], 20_000)
    assert weights[0, 0] > 0.95
    assert (weights[0, 1:] > SHARE / 10).all()
    many(weights, [1], 250)
    assert weights[0, 1] > 0.9


def test_two_classes() -> None:
    """Down and up: no move teaches nothing."""
    weights, prior = np.full((1, 2), 0.5), np.full(2, 0.5)
    members = np.array([[[0.2, 0.8], [0.7, 0.3]]])
    zero = np.zeros(1, np.int64)
    learn(weights, prior, zero, members, np.zeros(1, np.int8), zero)
    assert weights.tolist() == [[0.5, 0.5]]
    learn(weights, prior, zero, members, np.array([-1], np.int8), zero)
    assert weights[0, 1] > weights[0, 0]
