"""Baselines by their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.training.baselines import LAST_DIRECTION, MAJORITY, RANDOM_WALK, Baselines

rows = st.lists(st.tuples(st.integers(0, 2), st.integers(-1, 1)), min_size=1, max_size=60)


@given(rows, rows)
def test_each_answers_as_defined(train: list[tuple[int, int]], test: list[tuple[int, int]]) -> None:
    label, last = (np.array(column) for column in zip(*train, strict=True))
    found = Baselines.fit(label.astype(np.int64), last.astype(np.int8), 3)
    asked, before = (np.array(column) for column in zip(*test, strict=True))
    answers = found.answers(asked.astype(np.int64), before.astype(np.int8))

    counts = [sum(1 for one, _ in train if one == at) for at in range(3)]
    commonest = counts.index(max(counts))
    assert answers[MAJORITY].right.tolist() == [float(one == commonest) for one, _ in test]
    assert answers[LAST_DIRECTION].right.tolist() == [float(one == move + 1) for one, move in test]
    flat = (counts[1] + 1) / (len(train) + 3)
    walk = [(1 - flat) / 2, flat, (1 - flat) / 2]
    assert answers[RANDOM_WALK].right == pytest.approx([walk[one] for one, _ in test])
    assert answers[RANDOM_WALK].probabilities[0] == pytest.approx(walk)
    for at, (_, move) in enumerate(test):
        after = [sum(1 for one, then in train if one == c and then == move) + 1 for c in range(3)]
        assert answers[LAST_DIRECTION].probabilities[at] == pytest.approx(np.array(after) / sum(after))
    for answer in answers.values():
        assert answer.probabilities.sum(axis=1) == pytest.approx(np.ones(len(test)))


def test_labels_that_are_no_direction_have_no_last_direction() -> None:
    found = Baselines.fit(np.array([0, 0, 1, 2]), None, 3)
    answers = found.answers(np.array([0, 1]), None)
    assert set(answers) == {MAJORITY, RANDOM_WALK}
    assert answers[RANDOM_WALK].right == pytest.approx([3 / 7, 2 / 7])
