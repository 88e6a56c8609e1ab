import numpy as np
import pytest

from agents.judging.calibration_band import CalibrationBand, Left
from tests.agents.judging.outcomes_of import SECOND, START, market, outcomes

HORIZON_MS = 10_000
SEEDS = 1_000
WINDOWS = 2_000


def test_a_calibrated_model_is_never_reported_in_1000_long_runs() -> None:
    # 1,000 runs of 2,000 windows, 1,000,000 looks in all: of the two millions that one false alarm is allowed in.
    left = [
        CalibrationBand(HORIZON_MS, 0.03, None).see(market(np.random.default_rng(seed), WINDOWS, 2))
        for seed in range(SEEDS)
    ]
    assert [one for one in left if one is not None] == []


def test_an_overconfident_model_is_reported_within_a_day() -> None:
    looks = []
    for seed in range(50):
        band = CalibrationBand(HORIZON_MS, 0.03, None)
        found = band.see(market(np.random.default_rng(seed), 8_640, 2, sharpness=2.5))
        assert found is not None
        assert found.watched == "overconfident"
        assert found.apart > found.tolerance
        looks.append(found.windows)
    assert np.median(looks) < 4_320


@pytest.mark.parametrize(("came", "watched"), [(0.3, "bias-up"), (0.7, "bias-down")])
def test_a_bias_is_called_by_its_side(came: float, watched: str) -> None:
    rng = np.random.default_rng(1)
    n = 4_000
    ts = START + np.arange(n) * 10 * SECOND
    label = np.where(rng.uniform(size=n) < came, 1, -1).astype(np.int8)
    found = CalibrationBand(HORIZON_MS, 0.05, None).see(outcomes(np.full(n, 0.5), label, ts_ns=ts))
    assert found is not None
    assert found.watched == watched
    assert found.apart == pytest.approx(0.2, abs=0.05)


def test_an_underconfident_model_is_reported() -> None:
    found = CalibrationBand(HORIZON_MS, 0.03, None).see(market(np.random.default_rng(2), 20_000, 1, sharpness=0.1))
    assert found is not None
    assert found.watched == "underconfident"


@pytest.mark.parametrize(("share", "expected"), [(0.95, None), (0.7, "tier")])
def test_the_tier_must_keep_the_precision_that_it_promised(share: float, expected: str | None) -> None:
    rng = np.random.default_rng(3)
    n = 2_000
    ts = START + np.arange(n) * 10 * SECOND
    rose = rng.uniform(size=n) < 0.5
    right = rng.uniform(size=n) < share
    # What is said is calibrated all the time: it is the promise alone that is broken.
    up = np.where(rose == right, share, 1.0 - share)
    label = np.where(rose, 1, -1).astype(np.int8)
    found = CalibrationBand(HORIZON_MS, 0.03, 0.9).see(outcomes(up, label, ts_ns=ts, high=np.ones(n, np.bool_)))
    assert (None if found is None else found.watched) == expected


def test_the_cut_of_batches_does_not_matter() -> None:
    whole = market(np.random.default_rng(4), 3_000, 3, sharpness=3.0)
    one = CalibrationBand(HORIZON_MS, 0.03, None)
    expected = one.see(whole)
    other = CalibrationBand(HORIZON_MS, 0.03, None)
    found: list[Left] = []
    for begin in range(0, len(whole), 7):
        part = slice(begin, begin + 7)
        cut = outcomes(
            whole.probability_up[part], whole.label[part], ts_ns=whole.ts_ns[part], symbols=whole.symbols[part]
        )
        if (left := other.see(cut)) is not None:
            found.append(left)
    assert expected is not None
    assert found[0].watched == expected.watched


def test_what_stays_away_is_reported_again() -> None:
    band = CalibrationBand(HORIZON_MS, 0.03, None)
    rng = np.random.default_rng(5)
    for day in range(2):
        run = market(rng, 8_640, 1, sharpness=4.0)
        later = outcomes(run.probability_up, run.label, ts_ns=run.ts_ns + day * 86_400 * SECOND)
        assert band.see(later) is not None


def test_unanswered_decisions_and_stragglers_say_nothing() -> None:
    band = CalibrationBand(HORIZON_MS, 0.0, None)
    n = 10_000
    label = np.full(n, -1, np.int8)
    assert band.see(outcomes(np.full(n, np.nan), label)) is None
    ts = START + np.arange(n) * 10 * SECOND
    band.see(outcomes(np.full(1, 0.5), label[:1], ts_ns=ts[-2:-1] + 1_000 * SECOND))
    assert band.see(outcomes(np.full(n, 0.9), label, ts_ns=ts)) is None
