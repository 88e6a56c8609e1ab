"""What is particular to single trend indicators: ties, starts, what stands still, names."""

import numpy as np
import pytest
from hypothesis import given, settings

from streams.columns import F64
from streams.errors import ConfigError
from streams.indicators.adx import ADX
from streams.indicators.aroon import AROON
from streams.indicators.hma import HMA
from streams.indicators.ichimoku import ICHIMOKU
from streams.indicators.indicator import Family, Indicator, Number
from streams.indicators.kama import KAMA
from streams.indicators.keltner import KELTNER
from streams.indicators.linreg import LINREG
from streams.indicators.sar import SAR
from streams.indicators.supertrend import SUPERTREND
from streams.indicators.t3 import T3
from streams.indicators.vwma import VWMA
from streams.indicators.wma import WMA
from tests.streams.indicators.histories import bars, histories, prices, walk
from tests.streams.indicators.stepping import Steps, drive, served


def values(indicator: Indicator, **given_inputs: object) -> F64:
    return served(indicator, drive(indicator, Steps(**given_inputs)))  # type: ignore[arg-type] # lists of numbers


@pytest.mark.parametrize("at", range(0, 60, 7))
@pytest.mark.parametrize("indicator", [WMA.indicator(20), HMA.indicator(16), VWMA.indicator(20), LINREG.indicator(20)])
def test_a_bad_tick_leaves_nothing_behind(indicator: Indicator, at: int) -> None:
    clean = 100.0 + np.tile([0.0, 1e-7, -1e-7], 40)
    spoilt = clean.copy()
    spoilt[at] = 1e9
    after = slice(max(at + 20, 20), None)
    ours, expected = values(indicator, close=spoilt)[after], values(indicator, close=clean)[after]
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-14)


def test_without_any_change_in_its_window_kaufmans_average_closes_up() -> None:
    closes = [100.0, 101.0, 100.0, 101.0, 100.0, 101.0, *[101.0] * 30]
    average = values(KAMA.indicator(4), close=closes)[:, 0]
    # At first each still trade finds changes in the window, then none: 5/9 of the distance stays with each.
    gaps = 101.0 - average[10:20]
    np.testing.assert_allclose(gaps[1:] / gaps[:-1], 5 / 9, rtol=1e-7)


def test_a_straight_move_is_efficient_whatever_came_before() -> None:
    closes = np.concatenate((walk(3, 500, volatility=0.3), 100.0 + np.arange(12.0)))
    average = values(KAMA.indicator(5), close=closes)[:, 0]
    np.testing.assert_allclose(average[-1] - average[-2], 4 / 9 * (111.0 - average[-2]), rtol=1e-12)


def test_trades_without_quantity_weigh_nothing() -> None:
    volume = [1.0, np.nan, 3.0, np.nan, np.nan, np.nan, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0]
    closes = [10.0, 99.0, 20.0, 98.0, 97.0, 96.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0]
    found = values(VWMA.indicator(3), close=closes, volume=volume)[:, 0]
    nan = np.nan
    np.testing.assert_array_equal(found, [nan, nan, 17.5, 20.0, 20.0, nan, nan, nan, 50.0, 50.0, 50.0, nan])
    assert VWMA.needs == ("size",)


def test_quantities_of_all_sizes_that_left_do_not_weigh_in_a_window_without_any() -> None:
    for seed in range(200):
        rng = np.random.default_rng(seed)
        volume = np.concatenate((10.0 ** rng.uniform(-9, 9, 30), np.zeros(30)))
        found = values(VWMA.indicator(20), close=100.0 + rng.random(60), volume=volume)[:, 0]
        assert np.isfinite(found[19:49]).all()
        assert np.isnan(found[49:]).all()


@settings(max_examples=50)
@given(steps=histories(50))
def test_r2_is_a_share_and_a_straight_line_is_explained(steps: Steps) -> None:
    r2 = values(LINREG.indicator(5), close=steps.close)[:, 3]
    assert np.all(np.isnan(r2) | ((r2 >= 0.0) & (r2 <= 1.0)))
    line = steps.close[0] + 0.25 * np.arange(40)
    fitted = values(LINREG.indicator(8), close=line)[7:]
    np.testing.assert_allclose(fitted[:, 1], 0.25, rtol=1e-9)
    np.testing.assert_allclose(fitted[:, 3], 1.0, rtol=1e-9)
    np.testing.assert_allclose(fitted[:, 0], line[7:], rtol=1e-15)
    np.testing.assert_allclose(fitted[:, 2], line[:-7], rtol=1e-15)


def test_r2_of_lines_is_never_above_one() -> None:
    for seed in range(50):
        rng = np.random.default_rng(seed)
        line = 100.0 + rng.random() + rng.normal() * 10.0 ** rng.uniform(-6, 0) * np.arange(30)
        r2 = values(LINREG.indicator(7), close=line)[6:, 3]
        assert np.all(r2 <= 1.0)
        np.testing.assert_allclose(r2, 1.0, rtol=1e-6)


def test_a_flat_window_has_no_slope_whatever_was_before() -> None:
    for seed in range(100):
        # The sums are made anew at step 29, with 12 of these in the window, and read without any before step 43.
        wild = 10.0 ** np.random.default_rng(seed).uniform(-9, 9, 27)
        found = values(LINREG.indicator(14), close=np.concatenate((wild, np.full(30, 1e-9))))[40:]
        np.testing.assert_array_equal(found, np.tile([1e-9, 0.0, 1e-9, np.nan], (len(found), 1)))


def test_moves_below_underflow_have_a_slope_and_no_r2() -> None:
    found = values(LINREG.indicator(3), close=1e-170 * np.arange(1.0, 8.0))
    np.testing.assert_allclose(found[2:, 1], 1e-170, rtol=1e-9)
    assert np.isnan(found[:, 3]).all()


def test_of_equal_extremes_the_latest_counts() -> None:
    high = [5.0, 7.0, 6.0, 7.0, 6.0, 6.0, 6.0]
    low = [1.0, 3.0, 1.0, 2.0, 2.0, 2.0, 3.0]
    found = values(AROON.indicator(4), close=high, high=high, low=low)
    np.testing.assert_array_equal(found[4:], [[75.0, 50.0, 25.0], [50.0, 25.0, 25.0], [25.0, 0.0, 25.0]])


def test_an_index_of_direction_lives_as_long_as_its_sums_and_never_twitches() -> None:
    moves = bars(walk(4, 200))
    still = np.full(3_000, moves.close[-1])
    closes = np.concatenate((moves.close, still))
    n = 4
    indicator = ADX.indicator(n)
    state = np.zeros(indicator.state_size)
    steps = Steps(close=closes, high=np.concatenate((moves.high, still)), low=np.concatenate((moves.low, still)))
    found = drive(indicator, steps, state)
    alive = found[:, 1] > 0.0
    after = np.flatnonzero(~alive[len(moves) :])[0] + len(moves)
    assert 1_500 < after - len(moves) < 600 * n
    quiet = found[len(moves) + 1 : after]
    np.testing.assert_allclose(quiet[:, 1:3], np.tile(quiet[0, 1:3], (len(quiet), 1)), rtol=1e-9)
    assert np.all(found[after:, 1:3] == 0.0)
    assert np.all(found[after + n :, [0, 3]] == found[after, 0])
    np.testing.assert_allclose(found[after, 0], quiet[-1, 0], rtol=1e-12)
    assert state[2:5].tolist() == [0.0, 0.0, 0.0]


def test_one_direction_that_fades_beside_the_other_ends_at_zero_and_not_among_denormals() -> None:
    closes = np.concatenate(([10.0, 9.0], 10.0 + np.arange(3_000)))
    indicator = ADX.indicator(2)
    state = np.zeros(indicator.state_size)
    found = drive(indicator, Steps(close=closes), state)
    assert found[-1].tolist() == [100.0, 100.0, 0.0, 100.0]
    assert state[3] == 0.0
    mirrored = np.zeros(indicator.state_size)
    found = drive(indicator, Steps(close=5_000.0 - closes), mirrored)
    assert found[-1].tolist() == [100.0, 0.0, 100.0, 100.0]
    assert mirrored[2] == 0.0


def test_the_first_position_follows_the_larger_move() -> None:
    """Long after equal moves, short after a larger fall; here the second bar touches the first stop at once."""
    equal = values(SAR.indicator(), close=[9.0, 9.0], high=[10.0, 11.0], low=[8.0, 7.0])
    assert equal[1, 0] == 11.0
    falling = values(SAR.indicator(), close=[9.0, 9.0], high=[10.0, 10.5], low=[8.0, 7.0])
    assert falling[1, 0] == 7.0


def test_a_stop_that_is_just_touched_turns_the_position() -> None:
    high = [10.0, 12.0, 13.0, 12.5, 12.0]
    low = [8.0, 11.75, 12.0, 11.0, 11.0]
    touched = values(SAR.indicator(0.5, 0.5), close=high, high=high, low=low)[:, 0]
    # Long from 8 with E = 12: the stop is 10, then 11.5 below E = 13; the low of 11 turns it to short at 13.
    assert touched[1:4].tolist() == [8.0, 10.0, 13.0]
    low[3] = 11.5
    assert values(SAR.indicator(0.5, 0.5), close=high, high=high, low=low)[3, 0] == 13.0
    low[3] = 11.6
    assert values(SAR.indicator(0.5, 0.5), close=high, high=high, low=low)[3, 0] == 11.5


def test_a_close_on_the_band_does_not_turn_the_direction() -> None:
    closes = [100.0, 102.0, 104.0]
    found = values(SUPERTREND.indicator(2, 1.0), close=[*closes, 102.0])
    # The ATR is 2: the lower band is 102 at the third trade and stays.
    assert found[2].tolist() == [102.0, 1.0]
    assert found[3].tolist() == [102.0, 1.0]
    found = values(SUPERTREND.indicator(2, 1.0), close=[*closes, 101.9])
    assert found[3, 1] == -1.0
    assert found[3, 0] > 101.9


@settings(max_examples=50)
@given(steps=histories(50))
def test_a_stop_is_on_its_side_of_the_price(steps: Steps) -> None:
    found = served(indicator := SUPERTREND.indicator(3, 1.5), drive(indicator, steps))[3:]
    close = steps.close[3:]
    assert np.all(np.where(found[:, 1] > 0.0, found[:, 0] <= close, found[:, 0] >= close))


def test_lines_of_equilibrium_are_stamped_when_they_are_known() -> None:
    closes = prices(200)["walk"]
    found = values(ICHIMOKU.indicator(), close=closes)
    assert [int(np.flatnonzero(np.isfinite(line))[0]) + 1 for line in found.T] == [9, 26, 26, 52]
    changed = closes.copy()
    changed[120:] *= 2.0
    np.testing.assert_array_equal(values(ICHIMOKU.indicator(), close=changed)[:120], found[:120])
    assert np.all(values(ICHIMOKU.indicator(), close=changed)[120] != found[120])


@pytest.mark.parametrize(
    ("family", "parameters", "words"),
    [
        (SAR, (0.3, 0.2), "acceleration=0.3 must not be above maximum=0.2.*sar_0.02_0.2"),
        (ICHIMOKU, (26, 9, 52), "conversion=26, base=9 and span=52 must rise.*ichimoku_9_26_52"),
        (ICHIMOKU, (9, 26, 26), "must rise"),
        (SUPERTREND, (1, 3.0), "out of range"),
        (WMA, (1,), "out of range"),
    ],
)
def test_combinations_without_meaning_are_refused_with_the_remedy(
    family: Family, parameters: tuple[Number, ...], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        family.indicator(*parameters)


def test_names() -> None:
    assert SAR.indicator().name == "sar"
    assert SUPERTREND.indicator(10, 3.0).outputs == ("supertrend", "supertrend_direction")
    assert SUPERTREND.indicator(7, 2.5).outputs == ("supertrend_7_2.5", "supertrend_direction_7_2.5")
    assert ICHIMOKU.indicator().outputs[0] == "ichimoku_tenkan"
    assert T3.indicator(5, 0.7).name == "t3_5_0.7"
    assert KELTNER.indicator(20, 10, 2.0).outputs[0] == "keltner_upper_20_10_2"
    assert ADX.indicator(14).outputs == ("adx_14", "plus_di_14", "minus_di_14", "adxr_14")
