"""Intervals against data whose truth is known: they hold it about as often as they say, where labels overlap too."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.training.intervals import Bootstrap, Estimate, ratio, student95, wilson

NS = 10**9


def moving_average(random: np.random.Generator, n: int, over: int) -> np.ndarray:
    """Rows that share `over` of their parts with their neighbours, as labels that overlap do."""
    parts = random.normal(size=n + over)
    sums = np.cumsum(parts)
    return np.asarray((sums[over:] - sums[:-over]) / math.sqrt(over))


@pytest.mark.parametrize("over", [1, 20])
def test_the_interval_of_a_mean_holds_the_truth_about_95_times_in_100(over: int) -> None:
    random = np.random.default_rng(7)
    ts_ns = np.arange(4_000) * NS
    held = 0
    for trial in range(200):
        found = Bootstrap(ts_ns, over * NS, replicates=300, seed=trial).mean(moving_average(random, 4_000, over))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.0 <= found.high
    assert 186 <= held <= 199  # blocks of one horizon hold it 181 times where labels overlap


@pytest.mark.parametrize("share", [0.5, 0.93])
def test_the_interval_of_a_share_holds_the_truth_about_95_times_in_100(share: float) -> None:
    random = np.random.default_rng(8)
    ts_ns = np.arange(3_000) * NS
    held = 0
    for trial in range(200):
        rows = moving_average(random, 3_000, 20)
        hits = rows < {0.5: 0.0, 0.93: 1.4757910281791711}[share]
        found = Bootstrap(ts_ns, 20 * NS, replicates=300, seed=trial).share(hits)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= share <= found.high
    assert 176 <= held <= 200


def test_rows_that_overlap_count_as_fewer() -> None:
    random = np.random.default_rng(3)
    ts_ns = np.arange(8_000) * NS
    alone = Bootstrap(ts_ns, NS).share(moving_average(random, 8_000, 1) > 0)
    shared = Bootstrap(ts_ns, 50 * NS).share(moving_average(random, 8_000, 50) > 0)
    assert alone.effective_n is not None
    assert shared.effective_n is not None
    assert alone.n == shared.n == 8_000
    assert 4_000 < alone.effective_n <= 8_000
    assert shared.effective_n < 800


def test_symbols_of_one_moment_are_drawn_together() -> None:
    """Ten symbols that move as one are no more evidence than one."""
    random = np.random.default_rng(4)
    hits = random.random(1_000) > 0.5
    one = Bootstrap(np.arange(1_000) * NS, NS).share(hits)
    ten = Bootstrap(np.repeat(np.arange(1_000), 10) * NS, NS).share(np.repeat(hits, 10))
    assert one.effective_n is not None
    assert ten.effective_n is not None
    assert ten.n == 10_000
    assert ten.effective_n == pytest.approx(one.effective_n, rel=0.25)


def test_a_night_counts_as_one_horizon() -> None:
    day = np.arange(1_000) * NS
    gapped = Bootstrap(np.concatenate((day, day + 60_000 * NS)), 10 * NS)
    whole = Bootstrap(np.arange(2_000) * NS, 10 * NS)
    assert gapped.block_ns == pytest.approx(whole.block_ns, rel=0.01)
    assert gapped.horizons == pytest.approx(whole.horizons, abs=2)


def test_where_all_are_right_the_interval_still_has_a_length() -> None:
    found = Bootstrap(np.arange(300) * NS, 10 * NS).share(np.ones(300, np.bool_))
    assert found.value == 1.0
    assert found.high == 1.0
    assert found.low is not None
    assert 0.8 < found.low < 0.95  # thirty horizons, not three hundred rows
    assert found.effective_n == pytest.approx(30, abs=2)


def test_the_same_seed_gives_the_same_interval_and_another_one_another() -> None:
    ts_ns = np.arange(500) * NS
    rows = np.random.default_rng(1).normal(size=500)
    assert Bootstrap(ts_ns, NS, seed=1).mean(rows) == Bootstrap(ts_ns, NS, seed=1).mean(rows)
    assert Bootstrap(ts_ns, NS, seed=1).mean(rows) != Bootstrap(ts_ns, NS, seed=2).mean(rows)


def test_rows_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="order of time"):
        Bootstrap(np.array([2, 1]), NS)


def test_without_rows_there_is_no_figure() -> None:
    boot = Bootstrap(np.arange(100) * NS, NS)
    nowhere = np.zeros(100, np.bool_)
    assert boot.share(nowhere, nowhere).value is None
    assert boot.mean(np.ones(100), nowhere) == Estimate(None, n=0)
    assert str(Estimate(None)) == "none"
    assert str(Estimate(0.5)) == "0.5 [?, ?]"


def test_one_stretch_gives_a_value_without_interval() -> None:
    boot = Bootstrap(np.zeros(5, np.int64), 10 * NS)
    assert boot.blocks == 1
    assert boot.mean(np.arange(5.0)) == Estimate(2.0, None, None, 5)
    share = boot.share(np.array([True, False, False, False, True]))
    assert share.value == 0.4
    assert share.low is not None


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=200), st.integers(1, 20), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_sums_are_those_of_the_rows(numbers: list[float], horizon: int, groups: int) -> None:
    values = np.array(numbers)
    boot = Bootstrap(np.arange(len(values)) * NS, horizon * NS, replicates=20)
    code = np.arange(len(values)) % (groups + 1) - 1
    total, drawn = boot.grouped(code, max(1, groups), values, np.ones(len(values)))
    expected = [values[code == at].sum() for at in range(max(1, groups))]
    assert total[: max(1, groups)] == pytest.approx(expected)
    assert drawn.shape == (20, 2 * max(1, groups))


@given(st.floats(0, 1), st.floats(1, 1e6))
def test_wilson_holds_the_share_and_stays_within_0_and_1(share: float, n: float) -> None:
    low, high = wilson(share, n)
    assert 0.0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1.0


def test_students_t_as_tables_have_it() -> None:
    assert student95(5) == pytest.approx(2.571, abs=0.01)
    assert student95(20) == pytest.approx(2.086, abs=0.001)
    assert student95(10_000) == pytest.approx(1.960, abs=0.001)


def test_a_ratio_of_nothing_is_not_a_number() -> None:
    assert math.isnan(float(ratio(np.array([0.0, 0.0]))))
