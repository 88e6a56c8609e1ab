"""What is said of class probabilities."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agents.decision.decisions import BUY, HOLD, SELL
from agents.decision.verdict import calibrated_classes, shares_up, verdicts
from streams.columns import F64


@st.composite
def classes(draw: st.DrawFn) -> F64:
    """[n, 3], some of them NaN, some certain."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    found = rng.dirichlet(np.full(3, draw(st.sampled_from([0.02, 1.0]))), draw(st.integers(1, 9)))
    found[rng.random(len(found)) < 0.2] = math.nan
    return np.asarray(found)


@given(rows=classes())
def test_the_flat_share_stays_and_the_rest_is_shared(rows: F64) -> None:
    share = shares_up(rows)
    again = calibrated_classes(rows, share)
    np.testing.assert_allclose(again, rows, atol=1e-12)
    other = calibrated_classes(rows, np.full(len(rows), 0.25))
    np.testing.assert_array_equal(other[:, 1], rows[:, 1])
    np.testing.assert_allclose(other.sum(axis=1), rows.sum(axis=1))
    np.testing.assert_allclose(other[:, 2] * 3, other[:, 0], atol=1e-12)


def test_a_certain_flat_has_no_direction() -> None:
    assert shares_up(np.array([[0.0, 1.0, 0.0]])).tolist() == [0.5]


@given(rows=classes(), act_above=st.floats(0, 0.99), threshold=st.floats(0, 1) | st.just(math.nan))
def test_verdicts_are_their_formulas(rows: F64, act_above: float, threshold: float) -> None:
    confidence, action, high = verdicts(rows, act_above, threshold)
    for i, (down, _, up) in enumerate(rows.tolist()):
        if math.isnan(up):
            assert (confidence[i], action[i], high[i]) == (0.0, HOLD, False)
            continue
        assert confidence[i] == abs(up - down)
        assert high[i] == (up != down and max(up, down) >= threshold)
        acts = abs(up - down) > act_above or high[i]
        assert action[i] == (HOLD if not acts else BUY if up > down else SELL)
