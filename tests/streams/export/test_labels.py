"""What `--labels` may say, and labels of a path that a person can follow."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import ConfigError
from streams.export.labels import PATH_TYPE, LabelSpec, PricePath, label_rows, parse_labels

NAN = np.nan


def path(*points: tuple[int, float, float]) -> PricePath:
    """(second, price, mid) of each record, known half a second after."""
    rows = [(i, s * 10**9, s * 10**9 + 5 * 10**8, price, mid) for i, (s, price, mid) in enumerate(points)]
    return PricePath.of(np.array(rows, PATH_TYPE))


def test_direction_of_the_mid() -> None:
    """Rows at 0, 1, 2, 3 s with a horizon of 2 s: prices at 2, 3, 4, 5 s; the last two are not covered."""
    found = path((0, 5.0, 100.0), (1, 5.0, NAN), (2, 5.0, 101.0), (3, 5.0, 99.0), (5, 5.0, 99.0))
    labels = label_rows(LabelSpec(2 * 10**9), found, np.arange(5))
    assert labels.null.tolist() == [False, False, False, True, True]
    assert labels.label[:3].tolist() == [1, -1, -1]
    assert labels.return_bps[:3] == pytest.approx([100.0, -100.0, (99 / 101 - 1) * 1e4])
    assert labels.known_ns[:3].tolist() == [3_500_000_000, 5_500_000_000, 5_500_000_000]


def test_the_dead_band_is_open() -> None:
    found = path((0, 100.0, NAN), (1, 100.01, NAN), (3, 100.0, NAN))
    move = float((100.01 / 100.0 - 1.0) * 1e4)
    assert label_rows(LabelSpec(10**9, dead_band_bps=move), found, np.array([0])).label.tolist() == [0]
    assert label_rows(LabelSpec(10**9, dead_band_bps=move - 1e-9), found, np.array([0])).label.tolist() == [1]


def test_without_a_price_there_is_no_label() -> None:
    found = path((0, NAN, NAN), (1, 100.0, NAN), (3, 100.0, NAN))
    assert label_rows(LabelSpec(10**9), found, np.array([0])).null.tolist() == [True]


def test_the_barrier_that_was_touched_first() -> None:
    found = path((0, 100.0, NAN), (1, 99.0, NAN), (2, 101.0, NAN), (3, 100.0, NAN), (9, 100.0, NAN))
    labels = label_rows(LabelSpec(3 * 10**9, take_bps=50.0, stop_bps=50.0), found, np.array([0, 1, 2]))
    assert labels.label.tolist() == [-1, 1, -1]
    assert labels.return_bps.tolist() == pytest.approx([-100.0, (101 / 99 - 1) * 1e4, (100 / 101 - 1) * 1e4])
    wide = label_rows(LabelSpec(3 * 10**9, take_bps=500.0, stop_bps=500.0), found, np.array([0]))
    assert (wide.label.tolist(), wide.return_bps.tolist()) == ([0], [0.0])


def test_the_horizon_is_the_last_barrier() -> None:
    """A touch at its very end counts, one by the record that covers it does not."""
    spec = LabelSpec(3 * 10**9, take_bps=50.0, stop_bps=50.0)
    behind = label_rows(spec, path((0, 100.0, NAN), (1, 100.0, NAN), (4, 101.0, NAN)), np.array([0]))
    assert (behind.label.tolist(), behind.return_bps.tolist(), behind.null.tolist()) == ([0], [0.0], [False])
    inside = label_rows(spec, path((0, 100.0, NAN), (3, 101.0, NAN), (4, 100.0, NAN)), np.array([0]))
    assert inside.label.tolist() == [1]


def test_what_labels_may_say() -> None:
    assert parse_labels("horizon=10s,dead_band_bps=1") == LabelSpec(10 * 10**9, 1.0)
    assert parse_labels("horizon=500ms, price=last") == LabelSpec(5 * 10**8, price="last")
    barriers = parse_labels("horizon=5m,take_bps=3,stop_bps=2.5")
    assert (barriers.horizon_ns, barriers.take_bps, barriers.stop_bps) == (300 * 10**9, 3.0, 2.5)
    assert barriers.barriers
    assert not parse_labels("horizon=1h").barriers


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "--labels : give each of horizon"),
        ("horizon=10", "horizon=10: give a time above 0 such as 10s"),
        ("horizon=0s", "horizon=0s"),
        ("dead_band_bps=1", "horizon=: give"),
        ("horizon=1s,horizon=2s", "--labels horizon: give each"),
        ("horizon=1s,colour=red", "--labels colour"),
        ("horizon=1s,price=ask", "price=ask: give mid or last"),
        ("horizon=1s,dead_band_bps=-1", "dead_band_bps=-1: give basis points, 0 or more"),
        ("horizon=1s,dead_band_bps=nan", "dead_band_bps=nan"),
        ("horizon=1s,take_bps=1", "needs both take_bps and stop_bps"),
        ("horizon=1s,take_bps=0,stop_bps=1", "take_bps=0: give basis points, above 0"),
        ("horizon=1s,take_bps=x,stop_bps=1", "take_bps=x"),
        ("horizon=1s,take_bps=1,stop_bps=1,dead_band_bps=1", "leave it out"),
        ("horizon=999999999999999999999s", "give a time above 0"),
    ],
)
def test_what_labels_may_not_say(text: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        parse_labels(text)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(1.0, 100.0)), min_size=2, max_size=30), st.integers(1, 8))
def test_realised_volatility_by_its_definition(steps: list[tuple[int, float]], horizon_s: int) -> None:
    """The root of the sum of squared returns of the records within the horizon, and the regime that the bounds make."""
    seconds = np.cumsum([step for step, _ in steps]).tolist()
    found = path(*((s, price, NAN) for s, (_, price) in zip(seconds, steps, strict=True)))
    bounds = (500.0, 5_000.0)
    spec = LabelSpec(horizon_s * 10**9, volatility=True, bounds_bps=bounds)
    labels = label_rows(spec, found, np.arange(len(steps)))
    prices = [price for _, price in steps]
    for i in range(len(steps)):
        end = seconds[i] + horizon_s
        assert labels.null[i] == (seconds[-1] <= end)
        if not labels.null[i]:
            last = max(j for j in range(len(steps)) if seconds[j] <= end)
            moves = [(prices[j] / prices[j - 1] - 1) * 1e4 for j in range(i + 1, last + 1)]
            expected = math.sqrt(sum(move * move for move in moves))
            assert labels.return_bps[i] == pytest.approx(expected, rel=1e-6, abs=0.01)
            if min(abs(expected - bound) for bound in bounds) > 1:
                assert labels.label[i] == (expected > bounds[0]) + (expected > bounds[1]) - 1
