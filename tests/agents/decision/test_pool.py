"""The logarithmic opinion pool against its plain definition, and its properties."""

import math
from inspect import unwrap

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agents.decision.pool import EDGE, _pool, pool
from tests.agents.decision import reference

opinion = st.floats(0, 1)
answer = opinion | st.just(math.nan)
weight = st.floats(1e-3, 1) | st.just(0.0)
panels = st.integers(1, 5).flatmap(
    lambda m: st.tuples(
        st.lists(st.lists(answer, min_size=m, max_size=m), min_size=1, max_size=10),
        st.lists(weight, min_size=m, max_size=m),
    )
)
Panel = tuple[list[list[float]], list[float]]


@given(panel=panels)
def test_equals_its_plain_definition(panel: Panel) -> None:
    opinions, weights = panel
    pooled, effective = pool(np.array(opinions), np.array(weights))
    for i, row in enumerate(opinions):
        expected, shares = reference.pooled(row, weights)
        assert pooled[i] == pytest.approx(expected, abs=1e-9, nan_ok=True)
        assert effective[i] == pytest.approx(shares, abs=1e-12)
        assert math.isnan(pooled[i]) or 0 < pooled[i] < 1
        assert effective[i].sum() == pytest.approx(0 if math.isnan(pooled[i]) else 1, abs=1e-12)


@given(panel=panels)
def test_compiled_and_interpreted_have_the_same_bits(panel: Panel) -> None:
    opinions, weights = np.array(panel[0]), np.array(panel[1])
    pooled, effective = np.empty(len(opinions)), np.empty(opinions.shape)
    unwrap(_pool)(opinions, weights, pooled, effective)
    assert [array.tobytes() for array in pool(opinions, weights)] == [pooled.tobytes(), effective.tobytes()]


@given(row=st.lists(opinion, min_size=3, max_size=3), weights=st.lists(weight, min_size=3, max_size=3))
def test_mirrored_opinions_give_the_other_direction(row: list[float], weights: list[float]) -> None:
    assume(sum(weights) > 0)
    there, _ = pool(np.array([row]), np.array(weights))
    back, _ = pool(1 - np.array([row]), np.array(weights))
    assert there[0] + back[0] == pytest.approx(1, abs=1e-9)


@given(row=st.lists(opinion, min_size=3, max_size=3), more=opinion)
def test_a_higher_opinion_never_lowers_the_pool(row: list[float], more: float) -> None:
    weights = np.array([0.5, 0.2, 0.3])
    raised = [max(row[0], more), *row[1:]]
    assert pool(np.array([raised]), weights)[0][0] >= pool(np.array([row]), weights)[0][0]


@given(p=st.floats(0.001, 0.999), weights=st.lists(st.floats(0.01, 1), min_size=3, max_size=3))
def test_members_that_agree_are_believed(p: float, weights: list[float]) -> None:
    assert pool(np.full((1, 3), p), np.array(weights))[0][0] == pytest.approx(p, abs=1e-9)


@pytest.mark.parametrize("absent", [math.nan, math.inf, -math.inf, 1.0000001, -0.1])
def test_what_is_no_probability_is_an_abstention(absent: float) -> None:
    pooled, effective = pool(np.array([[0.7, absent, 0.7]]), np.array([0.2, 0.5, 0.3]))
    assert pooled[0] == pytest.approx(0.7, abs=1e-12)
    assert effective[0] == pytest.approx([0.4, 0, 0.6], abs=1e-12)


def test_certainty_is_taken_down_to_the_edge() -> None:
    pooled, _ = pool(np.array([[1.0], [0.0]]), np.array([1.0]))
    assert pooled == pytest.approx([1 - EDGE, EDGE], abs=1e-12)


def test_a_member_without_weight_does_not_answer_for_the_others() -> None:
    pooled, effective = pool(np.array([[0.9, math.nan]]), np.array([0.0, 1.0]))
    assert math.isnan(pooled[0])
    assert effective.tolist() == [[0.0, 0.0]]
