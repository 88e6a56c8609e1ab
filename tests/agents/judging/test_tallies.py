import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.judging.quality import quality_of
from agents.judging.tallies import Tallies
from tests.agents.judging.outcomes_of import SECOND, START, outcomes


@given(
    rows=st.lists(
        st.tuples(st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3), st.sampled_from((-1, 0, 1)), st.booleans()),
        min_size=1,
        max_size=50,
    )
)
def test_figures_are_those_of_their_definitions(rows: list[tuple[list[float], int, bool]]) -> None:
    classes = np.array([row[0] for row in rows])
    classes /= classes.sum(axis=1, keepdims=True)
    label, high = np.array([row[1] for row in rows], np.int8), np.array([row[2] for row in rows])
    up = classes[:, 2] / (classes[:, 0] + classes[:, 2])
    tallies = Tallies(5, 3_600.0)
    tallies.add(outcomes(up, label, classes=classes, high=high))
    quality = quality_of(tallies.whole[Tallies.ALL])
    one_hot = np.eye(3)[label + 1]
    assert quality.n == len(rows)
    assert quality.accuracy == pytest.approx((classes.argmax(axis=1) == label + 1).mean())
    assert quality.brier == pytest.approx(((classes - one_hot) ** 2).sum(axis=1).mean())
    assert quality.log_loss == pytest.approx(-np.log((classes * one_hot).sum(axis=1)).mean())
    assert quality.coverage == pytest.approx(high.mean())
    call = np.where(classes[:, 2] >= classes[:, 0], 1, -1)
    assert quality.precision == pytest.approx((call == label)[high].mean() if high.any() else math.nan, nan_ok=True)
    moved = label != 0
    bins = np.minimum((up[moved] * 10).astype(int), 9)
    gaps = [abs((up[moved] - (label[moved] > 0))[bins == b].sum()) for b in range(10)]
    assert quality.ece == pytest.approx(sum(gaps) / moved.sum() if moved.any() else math.nan, nan_ok=True)


def test_the_rules_are_scored_on_moves() -> None:
    tallies = Tallies(5, 3_600.0)
    tallies.add(outcomes(np.array([0.8, 0.8, 0.3, math.nan]), np.array([1, 0, 1, 1], np.int8)))
    quality = quality_of(tallies.whole[Tallies.ALL])
    assert quality.n == 3
    assert quality.accuracy == 0.5
    assert quality.brier == pytest.approx((2 * 0.2**2 + 2 * 0.7**2) / 2)
    assert quality.log_loss == pytest.approx(-(math.log(0.8) + math.log(0.3)) / 2)


def test_recent_outcomes_forget_by_event_time() -> None:
    tallies = Tallies(5, 100.0)
    ts = START + np.array([0, 100, 300], np.int64) * SECOND
    tallies.add(outcomes(np.full(3, 0.9), np.array([-1, 1, 1], np.int8), ts_ns=ts))
    assert quality_of(tallies.recent[Tallies.ALL]).n == pytest.approx(1 + 0.25 + 0.125)
    assert quality_of(tallies.recent[Tallies.ALL]).accuracy == pytest.approx(1.25 / 1.375)
    assert quality_of(tallies.whole[Tallies.ALL]).n == 3


def test_symbols_beyond_the_most_are_other() -> None:
    tallies = Tallies(2, 3_600.0)
    tallies.add(outcomes(np.full(4, 0.9), np.ones(4, np.int8), symbols=["A", "B", "C", "D"]))
    assert list(tallies.cells) == ["A", "B"]
    assert quality_of(tallies.whole[tallies.cells["B"]]).n == 1
    assert quality_of(tallies.whole[Tallies.OTHER]).n == 2
    assert quality_of(tallies.whole[Tallies.ALL]).n == 4
