"""Microstructure by hand: states of the book, breaks of the chain, split trades, and long runs."""

import numpy as np
import pytest

from streams.columns import F64
from streams.indicators.effective_spread import EFFECTIVE_SPREAD
from streams.indicators.ewma import decayed
from streams.indicators.intensity import INTENSITY
from streams.indicators.kyle import KYLE
from streams.indicators.ofi import OFI
from streams.indicators.realised_spread import REALISED_SPREAD
from streams.indicators.roll import ROLL
from streams.indicators.signed_volume import SIGNED_VOLUME
from streams.indicators.spread import SPREAD
from streams.indicators.vpin import VPIN
from streams.indicators.vpin_bulk import VPIN_BULK
from tests.streams.indicators.events import seeded_quotes
from tests.streams.indicators.stepping import Steps, drive

NAN = float("nan")


def test_locked_and_crossed_are_states_and_no_values() -> None:
    rows = drive(SPREAD.indicator(), Steps(bid=[99.0, 100.0, 101.0], ask=[101.0, 100.0, 100.0]))
    np.testing.assert_array_equal(rows, [[2.0, 200.0, 1.0], [NAN, NAN, 0.0], [NAN, NAN, -1.0]])


@pytest.mark.parametrize(
    ("now", "e"),
    [
        ((10.0, 10.01, 7.0, 4.0), 2.0),  # the bid's queue grew
        ((10.0, 10.01, 5.0, 1.0), 3.0),  # the ask's queue shrank
        ((10.005, 10.01, 2.0, 4.0), 2.0),  # a better bid: all of it is new
        ((9.99, 10.01, 2.0, 4.0), -5.0),  # the bid is gone: all of it was lost
        ((10.0, 10.005, 5.0, 3.0), -3.0),  # a better ask
        ((10.0, 10.02, 5.0, 3.0), 4.0),  # the ask is gone
    ],
)
def test_what_an_update_adds_to_order_flow(now: tuple[float, ...], e: float) -> None:
    before = (10.0, 10.01, 5.0, 4.0)
    names = ("bid", "ask", "bid_size", "ask_size")
    steps = Steps(**{name: [was, is_] for name, was, is_ in zip(names, before, now, strict=True)})
    ofi, normalised = drive(OFI.indicator(1), steps)[1]
    assert ofi == pytest.approx(e)
    assert normalised == pytest.approx(e / ((now[2] + now[3]) / 2))


def test_a_crossed_quote_breaks_the_chain_on_both_sides() -> None:
    steps = Steps(
        bid=[10.0, 10.0, 10.02, 10.0, 10.0],
        ask=[10.01, 10.01, 10.01, 10.01, 10.01],
        bid_size=[5.0, 6.0, 50.0, 7.0, 9.0],
        ask_size=[5.0, 5.0, 50.0, 5.0, 5.0],
    )
    rows = drive(OFI.indicator(1), steps)[1:]
    np.testing.assert_array_equal(rows[:, 0], [1.0, NAN, 0.0, 2.0])
    rows = drive(OFI.indicator(4), steps)
    assert rows[-1].tolist() == pytest.approx([3.0, 3.0 / ((5.5 + 6.0 + 7.0) / 3)])


def test_order_flow_of_a_long_run_is_that_of_its_window() -> None:
    steps = seeded_quotes(3, 60_000)
    tail = Steps(**{name: steps[name][-101:] for name in ("bid", "ask", "bid_size", "ask_size")} | previous(steps, 101))
    np.testing.assert_allclose(
        drive(OFI.indicator(100), steps)[-1], drive(OFI.indicator(100), tail)[-1], rtol=1e-12, atol=1e-9
    )


def previous(steps: Steps, n: int) -> dict[str, F64]:
    names = ("previous_bid", "previous_ask", "previous_bid_size", "previous_ask_size")
    return {name: steps[name][-n:] for name in names}


def test_a_trade_that_is_larger_than_its_bucket_is_split() -> None:
    steps = Steps(close=[1.0] * 4, volume=[6.0, 8.0, 3.0, 23.0], sign=[1.0, -1.0, 1.0, 1.0])
    # Buckets of 10: 6 bought and 4 sold; 4 sold, 3 and 3 bought; 10 bought; 10 bought.
    found = drive(VPIN.indicator(10.0, 2), steps)[:, 0]
    np.testing.assert_allclose(found, [NAN, NAN, NAN, 1.0])
    found = drive(VPIN.indicator(10.0, 4), steps)[:, 0]
    np.testing.assert_allclose(found, [NAN, NAN, NAN, (0.2 + 0.2 + 1.0 + 1.0) / 4])


def test_ten_times_a_tenth_fills_a_bucket_of_one() -> None:
    for part, times, size in ((0.1, 10, 1.0), (0.3, 10, 3.0), (0.7, 10, 7.0)):
        steps = Steps(close=np.ones(3 * times), volume=np.full(3 * times, part), sign=np.ones(3 * times))
        found = drive(VPIN.indicator(size, 3), steps)[:, 0]
        assert np.isnan(found[-2])
        assert found[-1] == pytest.approx(1.0)


def test_a_bucket_that_lacks_a_millionth_is_not_full() -> None:
    steps = Steps(close=np.ones(2), volume=[1.0 - 1e-6, 1e-6], sign=np.ones(2))
    np.testing.assert_allclose(drive(VPIN.indicator(1.0, 1), steps)[:, 0], [NAN, 1.0])


def test_a_trade_of_a_million_million_million_buckets_costs_no_more_than_the_window() -> None:
    """It would never end if it took them one by one."""
    steps = Steps(close=np.ones(3), volume=[0.5, 1e15, 0.5], sign=[-1.0, 1.0, 1.0])
    assert drive(VPIN.indicator(0.001, 50), steps)[-1, 0] == 1.0


def test_unknown_signs_go_to_both_sides() -> None:
    steps = Steps(close=np.ones(6), volume=np.full(6, 10.0), sign=np.zeros(6))
    assert drive(VPIN.indicator(10.0, 5), steps)[-1, 0] == 0.0


def test_bulk_classification_of_moves_that_are_all_alike() -> None:
    up = Steps(close=np.arange(20.0) + 1, volume=np.full(20, 10.0))
    still = Steps(close=np.ones(20), volume=np.full(20, 10.0))
    indicator = VPIN_BULK.indicator(10.0, 5, 4)
    assert drive(indicator, up)[-1, 0] == 1.0
    assert drive(indicator, still)[-1, 0] == 0.0


def recursive_least_squares(x: F64, y: F64, keep: float) -> float:
    """The textbook's recursion over a 2 x 2 covariance, started far out."""
    covariance, coefficients = np.eye(2) * 1e9, np.zeros(2)
    for a, b in zip(x, y, strict=True):
        phi = np.array([1.0, a])
        gain = covariance @ phi / (keep + phi @ covariance @ phi)
        coefficients = coefficients + gain * (b - phi @ coefficients)
        covariance = (covariance - np.outer(gain, phi @ covariance)) / keep
    return float(coefficients[1])


def kyle_market(n: int, slope: float, seed: int = 5) -> Steps:
    """Trades of which each moves the mid by `slope` a unit, and noise."""
    rng = np.random.default_rng(seed)
    sign = rng.choice([-1.0, 1.0], n)
    volume = rng.integers(1, 9, n).astype(np.float64)
    mid = 100.0 + np.concatenate(([0.0], np.cumsum(slope * sign * volume + rng.normal(0.0, 1e-3, n))[:-1]))
    return Steps(close=mid, volume=volume, sign=sign, mid=mid)


def test_kyle_is_recursive_least_squares() -> None:
    steps = kyle_market(300, 2e-3)
    y, x = np.diff(steps.mid), (steps.sign * steps.volume)[:-1]
    ours = drive(KYLE.indicator(50), steps)[-1, 0]
    assert ours == pytest.approx(recursive_least_squares(x, y, 0.98), rel=1e-6)
    assert ours == pytest.approx(2e-3, rel=0.1)


def test_kyle_follows_a_market_that_becomes_thinner() -> None:
    thick, thin = kyle_market(4_000, 1e-3), kyle_market(4_000, 5e-3, seed=6)
    both = Steps(**{name: np.concatenate((thick[name], thin[name])) for name in ("close", "volume", "sign", "mid")})
    rows = drive(KYLE.indicator(300), both)[:, 0]
    assert rows[3_999] == pytest.approx(1e-3, rel=0.1)
    assert rows[7_999] == pytest.approx(5e-3, rel=0.1)


def test_kyle_does_not_blow_up_where_the_volume_stands_still() -> None:
    moving = kyle_market(500, 2e-3)
    n = 30_000
    mid = np.concatenate((moving.mid, 100.0 + np.random.default_rng(1).normal(0.0, 0.01, n)))
    steps = Steps(
        close=mid,
        mid=mid,
        volume=np.concatenate((moving.volume, np.full(n, 3.3))),
        sign=np.concatenate((moving.sign, np.ones(n))),
    )
    rows = drive(KYLE.indicator(50), steps)[500:, 0]
    there = np.isfinite(rows)
    assert not there[5_000:].any(), "nothing is left of the volumes that differed"
    assert np.all(np.abs(rows[there]) < 0.1)


def test_roll_sees_the_bounce_and_nothing_in_a_trend() -> None:
    rng = np.random.default_rng(2)
    bounce = 1e5 + np.cumsum(rng.normal(0.0, 1e-3, 20_000)) + rng.choice([-0.05, 0.05], 20_000)
    assert drive(ROLL.indicator(5_000), Steps(close=bounce))[-1, 0] == pytest.approx(0.1, rel=0.05)
    trend = 100.0 + np.cumsum(np.repeat([0.01, 0.03, 0.01], 40))
    assert np.isnan(drive(ROLL.indicator(60), Steps(close=trend))[-1, 0])
    assert drive(ROLL.indicator(20), Steps(close=np.concatenate((bounce[:40], np.full(22, 7.0)))))[-1, 0] == 0.0


def test_realised_spread_and_price_impact_are_the_effective_spread_of_then() -> None:
    rng = np.random.default_rng(4)
    mid = 100.0 + np.cumsum(rng.normal(0.0, 0.01, 200))
    sign = rng.choice([-1.0, 1.0], 200)
    steps = Steps(close=mid + sign * 0.02, mid=mid, sign=sign)
    effective = drive(EFFECTIVE_SPREAD.indicator(1), steps)[:, 0]
    later = drive(REALISED_SPREAD.indicator(7), steps)
    np.testing.assert_allclose(later[7:].sum(axis=1), effective[:-7], atol=1e-9)


def test_a_signed_sum_of_zeros_is_zero_whatever_left_it() -> None:
    volume = np.concatenate((10.0 ** np.arange(-9, 9), np.zeros(10)))
    steps = Steps(close=np.ones(28), volume=volume, sign=np.ones(28))
    assert drive(SIGNED_VOLUME.indicator(10), steps)[-1, 0] == 0.0


def test_the_intensity_of_a_steady_rate_is_that_rate() -> None:
    steps = Steps(dt=np.full(20_000, 0.01), is_trade=np.arange(20_000) % 4 == 0)
    ticks, trades = drive(INTENSITY.indicator(10.0), steps)[-1]
    assert ticks == pytest.approx(100.0, rel=1e-2)
    assert trades == pytest.approx(25.0, rel=1e-2)


def test_what_decays_ends_at_zero_and_not_among_the_denormal_numbers() -> None:
    assert decayed(1.0, 0.0, 5.0) == 1.0
    assert decayed(1.0, 5.0, 5.0) == pytest.approx(np.exp(-1.0), rel=1e-15)
    assert decayed(1.0, 700.0, 1.0) == 0.0
    assert decayed(1.0, 1e9, 1.0) == 0.0
