"""The curve of precision against coverage where scores are tied, and where rows are few."""

import numpy as np
import pytest

from agents.training.intervals import Bootstrap
from agents.training.tier_curve import curve_of, widest

NS = 10**9


def test_a_threshold_takes_all_rows_of_its_score() -> None:
    score = np.repeat([0.9, 0.8], 60)
    right = np.concatenate((np.ones(90, np.bool_), np.zeros(30, np.bool_)))
    boot = Bootstrap(np.arange(120) * NS, NS, replicates=50)
    found = widest(boot, score, right, 0.9)
    assert found is not None
    assert (found.threshold, found.calls, found.precision.value) == (0.9, 60, 1.0)
    points = curve_of(boot, score, right)
    assert [(point.threshold, point.coverage) for point in points] == [(0.9, 0.5), (0.8, 1.0)]
    assert points[1].precision.value == pytest.approx(0.75)


def test_points_of_few_calls_are_not_shown() -> None:
    boot = Bootstrap(np.arange(40) * NS, NS, replicates=50)
    score, right = np.linspace(0.5, 1.0, 40), np.ones(40, np.bool_)
    assert curve_of(boot, score, right) == ()
    assert widest(boot, score, right, 0.9) is None
