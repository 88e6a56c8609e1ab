"""Against TA-Lib, an implementation that is not ours, after every trade of every history.

TA-Lib is the oracle where it is right: its deviation comes from sums of squares, and is zero below 1e-7; there the
60-digit definitions of test_contract.py decide alone.
"""

from typing import Any

import numpy as np
import pytest
import talib

from streams.columns import F64
from streams.engine import RealTimeFeatureEngine
from streams.feature_set import FeatureSet
from tests.streams.reference import markets, walk

TRADES = 1_500


def talib_values(prices: F64) -> dict[str, F64]:
    """The default feature set by TA-Lib."""
    line, signal, hist = talib.MACD(prices, 12, 26, 9)
    upper, middle, lower = talib.BBANDS(prices, 20, 2.0, 2.0)
    with np.errstate(all="ignore"):
        percent = (prices - lower) / (upper - lower)
        bandwidth = (upper - lower) / middle
    return {
        "sma_5": talib.SMA(prices, 5),
        "sma_20": talib.SMA(prices, 20),
        "sma_50": talib.SMA(prices, 50),
        "ema_12": talib.EMA(prices, 12),
        "ema_26": talib.EMA(prices, 26),
        "rsi_14": talib.RSI(prices, 14),
        "macd": line,
        "macd_signal": signal,
        "macd_hist": hist,
        "bb_upper": upper,
        "bb_middle": middle,
        "bb_lower": lower,
        "bb_percent_b": percent,
        "bb_bandwidth": bandwidth,
    }


def served(engine: RealTimeFeatureEngine, prices: F64) -> dict[str, F64]:
    values = engine.run(prices).values
    return {name: values[:, j] for j, name in enumerate(engine.feature_set.outputs)}


def assert_parity(name: str, ours: F64, theirs: F64, prices: F64) -> None:
    """Within 1e-9, relative; where the unit is that of the price, also within the rounding of its level."""
    level = 64 * np.spacing(np.maximum.accumulate(prices))
    slack = {"rsi_14": 1e-9, "bb_percent_b": 1e-9, "bb_bandwidth": 1e-12}.get(name, level)
    if name == "rsi_14":
        # TA-Lib gives 0 where the averages vanish, and that alone is where ours is 50.
        flat = (ours == 50.0) & (theirs == 0.0)
        ours = np.where(flat, 0.0, ours)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs), err_msg=name)
    wrong = np.abs(ours - theirs) > 1e-9 * np.abs(theirs) + slack
    assert not wrong.any(), (name, np.flatnonzero(wrong)[:5], ours[wrong][:5], theirs[wrong][:5])


PRICE_OUTPUTS = ("sma_5", "sma_20", "sma_50", "ema_12", "ema_26", "rsi_14", "macd", "macd_signal", "macd_hist")
BANDS = ("bb_upper", "bb_middle", "bb_lower", "bb_percent_b", "bb_bandwidth")


@pytest.mark.parametrize("market", ["walk", "wild walk", "rising", "falling", "ticks", "a bad tick"])
def test_every_output_after_every_trade(default_engine: RealTimeFeatureEngine, market: str) -> None:
    prices = markets(TRADES)[market]
    ours, theirs = served(default_engine, prices), talib_values(prices)
    names = PRICE_OUTPUTS if market in {"wild walk", "a bad tick"} else PRICE_OUTPUTS + BANDS
    flat = ours["bb_bandwidth"] == 0.0
    assert np.all(np.isnan(ours["bb_percent_b"][flat]))
    # In a window of one price TA-Lib's bands may be a rounding apart, and its %B is then anything.
    theirs["bb_percent_b"][flat] = np.nan
    for name in names:
        assert_parity(name, ours[name], theirs[name], prices)


@pytest.mark.parametrize(
    "market", ["tiny moves on 1e5", "tiny moves on 1", "tiny prices", "constant", "flat stretches"]
)
def test_everything_but_bands_where_deviations_are_beyond_talib(
    default_engine: RealTimeFeatureEngine, market: str
) -> None:
    prices = markets(TRADES)[market]
    ours, theirs = served(default_engine, prices), talib_values(prices)
    for name in (*PRICE_OUTPUTS, "bb_middle"):
        assert_parity(name, ours[name], theirs[name], prices)


def test_every_prefix_on_its_own(default_engine: RealTimeFeatureEngine) -> None:
    prices = walk(11, 90)
    ours = served(default_engine, prices)
    for n in range(1, len(prices) + 1):
        for name, theirs in talib_values(prices[:n].copy()).items():
            np.testing.assert_allclose(ours[name][n - 1], theirs[-1], rtol=1e-9, atol=1e-12, err_msg=f"{name} at {n}")


OTHERS: tuple[tuple[str, Any, tuple[Any, ...]], ...] = (
    ("sma_2", talib.SMA, (2,)),
    ("ema_2", talib.EMA, (2,)),
    ("ema_200", talib.EMA, (200,)),
    ("rsi_2", talib.RSI, (2,)),
    ("rsi_50", talib.RSI, (50,)),
    ("macd_8_21_5", talib.MACD, (8, 21, 5)),
    ("macd_2_3_1", talib.MACD, (2, 3, 1)),
    ("macd_3_60_30", talib.MACD, (3, 60, 30)),
    ("bbands_10_1.5", talib.BBANDS, (10, 1.5, 1.5)),
    ("bbands_2_1", talib.BBANDS, (2, 1.0, 1.0)),
)


@pytest.fixture(scope="module")
def other_engine(tmp_path_factory: pytest.TempPathFactory) -> RealTimeFeatureEngine:
    feature_set = FeatureSet.of("others", *(name for name, _, _ in OTHERS))
    return RealTimeFeatureEngine(feature_set, cache_dir=tmp_path_factory.mktemp("kernels"))


@pytest.mark.parametrize(("name", "function", "parameters"), OTHERS, ids=[name for name, _, _ in OTHERS])
def test_other_parameters(
    other_engine: RealTimeFeatureEngine, name: str, function: Any, parameters: tuple[Any, ...]
) -> None:
    prices = walk(12, 600)
    theirs = function(prices, *parameters)
    theirs = theirs if isinstance(theirs, tuple | list) else (theirs,)
    ours = served(other_engine, prices)
    outputs = next(i.outputs for i in other_engine.feature_set.indicators if i.name == name)
    for output, expected in zip(outputs, theirs, strict=False):
        np.testing.assert_allclose(ours[output], expected, rtol=1e-9, atol=1e-11, err_msg=output)
