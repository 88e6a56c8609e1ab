"""Permutation importances: what is used counts, what is idle does not, and near twins go together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.training.importances import F32, importances, twins
from streams.columns import F64
from tests.agents.training.judged_market import answers


def by_first(inputs: F32) -> F64:
    """Probabilities made of the first input alone."""
    up = 1.0 / (1.0 + np.exp(-inputs[:, 0].astype(np.float64)))
    return np.column_stack(((1.0 - up) * 0.7, np.full(len(up), 0.3), up * 0.7))


def test_what_is_used_counts_and_what_is_idle_does_not() -> None:
    e = answers(n=3_000)
    told: list[tuple[int, int]] = []
    found = importances(
        by_first, e.inputs, e.input_names, e.index, e.ts_ns, e.horizon_ns, on_done=lambda *at: told.append(at)
    )
    assert [one.inputs for one in found] == [("seen",), ("noise",)]
    assert found[0].low > 0.05
    assert found[1].rise == found[1].low == found[1].high == 0.0
    assert told == [(1, 2), (2, 2)]
    assert found == importances(by_first, e.inputs, e.input_names, e.index, e.ts_ns, e.horizon_ns)


def test_twins_are_shuffled_together() -> None:
    e = answers(n=3_000)
    inputs = np.column_stack((e.inputs, e.inputs[:, 0] * 3.0 + 1.0)).astype(np.float32)
    found = importances(by_first, inputs, ("seen", "noise", "copy"), e.index, e.ts_ns, e.horizon_ns)
    assert found[0].inputs == ("seen", "copy")


def test_a_bounded_sample_is_asked_and_rows_without_answer_are_left_out() -> None:
    e = answers(n=3_000)
    inputs = e.inputs.copy()
    inputs[::2, 0] = np.nan
    asked: list[int] = []

    def predict(rows: F32) -> F64:
        asked.append(len(rows))
        return by_first(rows)

    assert importances(predict, inputs, e.input_names, e.index, e.ts_ns, e.horizon_ns, rows=500)
    assert asked[0] == 500
    assert max(asked[1:]) < 300
    inputs[:, 0] = np.nan
    assert importances(predict, inputs, e.input_names, e.index, e.ts_ns, e.horizon_ns) == ()


@given(st.integers(1, 6), st.integers(2, 50), st.integers(0, 100))
@settings(max_examples=50, deadline=None)
def test_groups_hold_each_column_once(k: int, n: int, seed: int) -> None:
    inputs = np.random.default_rng(seed).normal(size=(n, k)).astype(np.float32)
    assert sorted(at for group in twins(inputs) for at in group) == list(range(k))


@pytest.mark.parametrize("monotone", [np.exp, np.negative, np.cbrt])
def test_a_monotone_picture_of_an_input_is_its_twin(monotone: np.ufunc) -> None:
    column = np.random.default_rng(5).normal(size=400)
    inputs = np.column_stack((column, monotone(column), np.random.default_rng(6).normal(size=400))).astype(np.float32)
    assert twins(inputs) == [[0, 1], [2]]


def test_columns_that_never_change_are_nobody_s_twins() -> None:
    inputs = np.column_stack((np.ones(50), np.ones(50), np.full(50, np.nan))).astype(np.float32)
    assert twins(inputs) == [[0], [1], [2]]
