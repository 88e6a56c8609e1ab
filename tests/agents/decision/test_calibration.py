"""Calibration against NumPy's interpolation and the formula of Platt, and what it refuses."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.decision.calibration import EDGE, Calibrator
from streams.errors import ConfigError
from tables.models.manifest import Calibration

SHARES = st.lists(st.floats(0, 1) | st.just(math.nan), min_size=1, max_size=20).map(np.array)


@st.composite
def isotonic(draw: st.DrawFn) -> Calibration:
    x = sorted(draw(st.sets(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=8)))
    y = sorted(draw(st.lists(st.floats(0, 1), min_size=len(x), max_size=len(x))))
    return Calibration("isotonic", tuple(x), tuple(y))


@given(shares=SHARES, calibration=isotonic())
def test_isotonic_is_linear_between_its_points(shares: np.ndarray, calibration: Calibration) -> None:
    expected = np.interp(np.clip(shares, EDGE, 1 - EDGE), calibration.x, calibration.y)
    expected[np.isnan(shares)] = math.nan  # NumPy takes a single point for a constant
    found = Calibrator(calibration)(shares)
    np.testing.assert_allclose(found, np.clip(expected, EDGE, 1 - EDGE), rtol=0, atol=1e-9)


@given(shares=SHARES, calibration=isotonic())
def test_what_is_more_likely_stays_so(shares: np.ndarray, calibration: Calibration) -> None:
    known = np.sort(shares[~np.isnan(shares)])
    assert (np.diff(Calibrator(calibration)(known)) >= -1e-12).all()


@given(shares=SHARES, a=st.floats(-5, 5), b=st.floats(-5, 5))
def test_platt_is_a_line_in_log_odds(shares: np.ndarray, a: float, b: float) -> None:
    s = np.clip(shares, EDGE, 1 - EDGE)
    expected = 1 / (1 + np.exp(-(a * np.log(s / (1 - s)) + b)))
    found = Calibrator(Calibration("platt", (a,), (b,)))(shares)
    np.testing.assert_allclose(found, np.clip(expected, EDGE, 1 - EDGE), rtol=1e-12)


@given(shares=SHARES)
def test_none_keeps_the_share(shares: np.ndarray) -> None:
    np.testing.assert_array_equal(Calibrator(Calibration())(shares), np.clip(shares, EDGE, 1 - EDGE))


@pytest.mark.parametrize(
    "calibration",
    [
        Calibration("isotonic"),
        Calibration("isotonic", (0.1, 0.2), (0.1,)),
        Calibration("isotonic", (0.2, 0.2), (0.1, 0.2)),
        Calibration("isotonic", (0.1, 0.2), (0.3, 0.2)),
        Calibration("isotonic", (0.1,), (1.5,)),
        Calibration("isotonic", (math.nan,), (0.5,)),
        Calibration("platt", (1.0, 2.0), (0.0,)),
        Calibration("platt", (math.inf,), (0.0,)),
    ],
)
def test_refuses_what_is_no_rising_map(calibration: Calibration) -> None:
    with pytest.raises(ConfigError, match="train the model again"):
        Calibrator(calibration)
