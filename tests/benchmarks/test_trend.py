"""The soak's verdict: a line that rises is told from one that does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.soak import conclude, measure_case
from tests.benchmarks.targets import SLOPE, TARGETS
from tests.benchmarks.trend import trend

N = 100
X = np.arange(N) / 10


@given(st.floats(-5, 5), st.floats(-100, 100))
def test_of_a_straight_line_the_slope_is_exact(slope: float, level: float) -> None:
    found = trend(X.tolist(), (level + slope * X).tolist())
    assert found.slope == pytest.approx(slope, abs=1e-9)
    assert found.low - 1e-9 <= slope <= found.high + 1e-9


def test_noise_is_flat_and_a_leak_is_not() -> None:
    noise = np.random.default_rng(7).normal(300.0, 2.0, N)
    assert trend(X.tolist(), noise.tolist()).flat
    leak = trend(X.tolist(), (noise + 3.0 * X).tolist())
    assert not leak.flat
    assert leak.low < 3.0 < leak.high


@pytest.mark.parametrize(("x", "y"), [([1.0, 2.0], [1.0, 2.0]), ([1.0] * 4, [1.0] * 4), ([1.0, 2.0, 3.0], [1.0, 2.0])])
def test_too_little_is_refused(x: list[float], y: list[float]) -> None:
    with pytest.raises(ValueError, match="samples make no trend"):
        trend(x, y)


def test_the_first_fifth_is_left_out_and_the_slopes_are_in_the_table() -> None:
    case = measure_case()
    samples = {
        "million": X.tolist(),
        "memory_mib": [1_000.0] * 20 + [300.0] * 80,
        "p50_ms": [2.0] * N,
        "p99_ms": (2.0 + X).tolist(),
    }
    slopes = conclude(case, samples)
    assert case.spread("Hayate", "memory_mib") == (300.0, 300.0, 300.0)
    assert slopes["memory_mib"].flat
    assert not slopes["p99_ms"].flat
    assert case.spread(SLOPE, "p99_ms") == pytest.approx((1.0, 1.0, 1.0))
    verdicts = {
        target.measure: target.met(target.found({"soak": case}) or 0.0) for target in TARGETS if target.lower_end
    }
    assert verdicts == {"memory_mib": True, "p50_ms": True, "p99_ms": False}


def test_a_soak_too_short_for_a_trend_has_no_slopes() -> None:
    case = measure_case()
    samples = {"million": [0.1, 0.2], "memory_mib": [1.0, 1.0], "p50_ms": [1.0, 1.0], "p99_ms": [1.0, 1.0]}
    assert conclude(case, samples) == {}
    assert case.spread(SLOPE, "memory_mib") is None
