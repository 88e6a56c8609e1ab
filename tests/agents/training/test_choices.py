"""What is chosen on data of its own: calibration, threshold, confidence to act on, weights; and the drift reference."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.decision.calibration import EDGE, Calibrator
from agents.training.calibrating import ISOTONIC_MOVES, LEAST_MOVES, fit_calibration, isotonic, platt
from agents.training.choosing import choose_acting, choose_threshold
from agents.training.drifting import BINS, PHASE_ROWS, reference, references, references_of_phases

STEP = 1_000


@pytest.mark.parametrize(("n", "kind"), [(50, "none"), (1_000, "platt"), (20_000, "isotonic")])
@pytest.mark.parametrize("sharp", [0.3, 1.0, 3.0])
def test_calibration_takes_too_sure_and_too_shy_back(n: int, kind: str, sharp: float) -> None:
    random = np.random.default_rng(n)
    true = random.uniform(0.05, 0.95, n)
    went_up = random.random(n) < true
    odds = (true / (1 - true)) ** sharp
    share = odds / (1 + odds)
    calibration = fit_calibration(share, went_up)
    assert calibration.kind == kind
    if kind == "none":
        return
    found = Calibrator(calibration)(share)
    assert np.abs(found - true).mean() < (0.04 if n == 1_000 else 0.03)


@given(st.integers(0, 2**32 - 1), st.integers(LEAST_MOVES, 600), st.sampled_from(["noise", "one", "edges"]))
def test_every_calibration_is_one_that_serves(seed: int, n: int, what: str) -> None:
    """Calibrator refuses maps that do not rise; whatever the shares, none is made."""
    random = np.random.default_rng(seed)
    share = {"noise": random.random(n), "one": np.full(n, 0.7), "edges": random.integers(0, 2, n).astype(float)}[what]
    share = np.clip(share, EDGE, 1 - EDGE)
    went_up = random.random(n) < 0.5
    for fitted in (platt(share, went_up), isotonic(share, went_up)):
        found = Calibrator(fitted)(np.linspace(0, 1, 101))
        assert np.isfinite(found).all()
        assert (np.diff(found) >= 0).all()
        assert ((found > 0) & (found < 1)).all()


def test_an_ensemble_that_is_always_wrong_is_not_turned_round() -> None:
    random = np.random.default_rng(0)
    share = random.random(2_000)
    found = Calibrator(platt(share, random.random(2_000) > share))(np.array([0.1, 0.9]))
    assert found[0] == found[1] == pytest.approx(0.5, abs=0.05)


def test_one_sided_moves_are_not_calibrated() -> None:
    assert fit_calibration(np.full(ISOTONIC_MOVES, 0.6), np.ones(ISOTONIC_MOVES, np.bool_)).kind == "none"


def test_the_threshold_takes_what_reaches_the_target() -> None:
    """Precision is the score itself: 95% are reached from about 0.9 on, whose mean is 0.95."""
    random = np.random.default_rng(3)
    score = random.random(40_000)
    right = random.random(40_000) < score
    chosen = choose_threshold(np.arange(40_000) * STEP, 2 * STEP, score, right, 0.95)
    assert chosen.score is not None
    assert chosen.precision is not None
    assert chosen.precision.low is not None
    assert 0.90 < chosen.score < 0.97
    assert chosen.precision.low >= 0.95
    assert right[score >= chosen.score].mean() >= 0.95


@given(st.integers(0, 2**32 - 1), st.floats(0.6, 0.95))
def test_noise_has_no_threshold(seed: int, target: float) -> None:
    random = np.random.default_rng(seed)
    score = random.random(1_500)
    chosen = choose_threshold(np.arange(1_500) * STEP, 5 * STEP, score, random.random(1_500) < 0.4, target)
    assert chosen.score is None


def test_few_rows_have_no_threshold() -> None:
    none = np.zeros(0)
    assert choose_threshold(none.astype(np.int64), 1, none, none.astype(np.bool_), 0.9).score is None
    assert choose_threshold(np.arange(9) * STEP, STEP, np.ones(9), np.ones(9, np.bool_), 0.93).score is None


def test_rows_that_share_a_future_count_once() -> None:
    """A thousand rows of one moment are one trial, however right they were."""
    ts_ns = np.repeat(np.arange(20), 500) * STEP
    right = np.ones(10_000, np.bool_)
    assert choose_threshold(ts_ns, 10 * STEP, np.ones(10_000), right, 0.93).score is None
    apart = np.arange(10_000) * STEP
    assert choose_threshold(apart, STEP, np.ones(10_000), right, 0.93).score == 1.0


def test_one_in_five_acts() -> None:
    confidence = np.random.default_rng(0).random(1_000)
    assert (confidence > choose_acting(confidence)).mean() == pytest.approx(0.2, abs=0.01)
    assert choose_acting(np.zeros(0)) == 0.0
    assert choose_acting(np.ones(5)) < 1.0


@given(st.lists(st.one_of(st.floats(width=32), st.integers(0, 3).map(float)), max_size=200))
def test_the_drift_reference_is_a_distribution(numbers: list[float]) -> None:
    column = np.array(numbers, np.float64)
    found = reference("one", column)
    assert len(found.shares) == len(found.edges) + 1 <= BINS
    assert sum(found.shares) == pytest.approx(1.0)
    assert list(found.edges) == sorted(set(found.edges))
    there = column[np.isfinite(column)]
    if len(there):
        assert all(share > 0 for share in found.shares), "an empty bin would make any row in it a drift"
        counts = [
            sum(1 for x in there if sum(edge <= x for edge in found.edges) == i) for i in range(len(found.shares))
        ]
        assert [count / len(there) for count in counts] == pytest.approx(found.shares)


def test_there_is_one_reference_of_each_input() -> None:
    matrix = np.random.default_rng(0).random((100, 2)).astype(np.float32)
    found = references(("a", "b"), matrix, np.full(10, 0.5))
    assert [one.input for one in found] == ["a", "b", "probability_up"]
    assert found[0].shares == pytest.approx([0.1] * 10, abs=0.0101)


def test_a_phase_with_rows_enough_has_references_of_its_own() -> None:
    rng = np.random.default_rng(0)
    phases = np.repeat([0.0, 1.0, 2.0, np.nan], [PHASE_ROWS, PHASE_ROWS, PHASE_ROWS - 1, 5])
    matrix = rng.normal(phases[:, None], 1.0, (len(phases), 2)).astype(np.float32)
    up = rng.random(2 * PHASE_ROWS)
    its_phases = np.repeat([1.0, 2.0], PHASE_ROWS)
    found = references_of_phases(("a", "b"), matrix, phases, up, its_phases)
    assert {one.phase for one in found} == {1}, "phase 0 has no calls, phase 2 one row too few"
    own = references(("a", "b"), matrix[phases == 1], up[:PHASE_ROWS])
    assert [(one.input, one.edges, one.shares) for one in found] == [(one.input, one.edges, one.shares) for one in own]
