"""The pool over classes against its formula, the check of a distribution, and the stacker's input."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.decision.class_pool import FLOOR, class_pool, distributions
from agents.decision.pool import pool
from agents.decision.stacker import stacker_inputs
from streams.columns import F64


@st.composite
def opinions(draw: st.DrawFn, *, classes: int = 3) -> tuple[F64, F64]:
    """Distributions [n, m, c], some of them NaN, and weights [n, m]."""
    n, m = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    given_ = rng.dirichlet(np.full(classes, draw(st.sampled_from([0.05, 1.0, 20.0]))), (n, m))
    given_[rng.random((n, m)) < draw(st.sampled_from([0.0, 0.4, 1.0]))] = math.nan
    weights = rng.uniform(0, 3, (n, m)) * (rng.random((n, m)) > 0.2)
    return given_, weights


def plain(probabilities: F64, weights: F64) -> F64:
    """One record."""
    said = ~np.isnan(probabilities[:, 0])
    if not weights[said].sum() > 0:
        return np.full(probabilities.shape[1], math.nan)
    shares = weights[said] / weights[said].sum()
    raised = np.exp(shares @ np.log(np.maximum(probabilities[said], FLOOR)))
    return np.asarray(raised / raised.sum())


@given(given_=opinions())
def test_is_its_formula(given_: tuple[F64, F64]) -> None:
    pooled, effective = class_pool(*given_)
    for i, (probabilities, weights) in enumerate(zip(*given_, strict=True)):
        np.testing.assert_allclose(pooled[i], plain(probabilities, weights), rtol=1e-9, atol=1e-12)
        assert effective[i].sum() == pytest.approx(0.0 if np.isnan(pooled[i, 0]) else 1.0)
        assert (effective[i][np.isnan(probabilities[:, 0])] == 0).all()


@given(given_=opinions(classes=2))
def test_with_two_classes_it_is_the_pool_of_the_rules(given_: tuple[F64, F64]) -> None:
    probabilities, weights = given_
    ours, _ = class_pool(probabilities, np.tile(weights[0], (len(weights), 1)))
    theirs, _ = pool(np.ascontiguousarray(probabilities[:, :, 1]), weights[0].copy())
    np.testing.assert_allclose(ours[:, 1], theirs, rtol=1e-4)


@given(given_=opinions())
def test_a_row_depends_on_itself_only(given_: tuple[F64, F64]) -> None:
    pooled, _ = class_pool(*given_)
    for i in range(len(pooled)):
        assert class_pool(given_[0][i : i + 1], given_[1][i : i + 1])[0].tobytes() == pooled[i].tobytes()


def test_what_is_no_distribution_is_no_answer() -> None:
    rows = [
        ([0.2, 0.3, 0.5], True, True),
        ([0.2, 0.3, 0.5004], True, True),
        ([0.2, 0.3, 0.5], False, False),
        ([0.2, 0.3, 0.502], True, False),
        ([math.nan, 0.5, 0.5], True, False),
        ([-0.1, 0.6, 0.5], True, False),
        ([math.inf, 0.0, 0.0], True, False),
        ([0.0, 0.0, 0.0], True, False),
        ([1.0, 0.0, 0.0], True, True),
    ]
    raw = np.array([row for row, _, _ in rows], np.float32)
    found = distributions(raw, np.array([able for _, able, _ in rows]))
    for i, (_, _, good) in enumerate(rows):
        np.testing.assert_array_equal(found[i], raw[i].astype(np.float64) if good else np.full(3, math.nan))


@given(given_=opinions())
def test_the_stacker_reads_logarithms(given_: tuple[F64, F64]) -> None:
    probabilities, _ = given_
    n, m, c = probabilities.shape
    found = stacker_inputs(probabilities)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.log(np.maximum(probabilities, 1e-6)).reshape(n, m * c), rtol=1e-6, atol=1e-7)
