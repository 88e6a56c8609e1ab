"""The trend indicators against TA-Lib, after every step of every history.

Where TA-Lib loses digits the definitions of test_trend.py decide alone: its rolling sums keep a part of a bad tick, so
that `kama` and `vwma` are compared before it only, and of quantities of all sizes, so that `vwma` is compared on
quantities whose sums are exact; its regression takes the difference of products of sums at the level of the price. Its
R^2 is the square of its correlation, where that has the digits and the market is not flat, where R^2 is undefined here.
"""

from collections.abc import Callable

import numpy as np
import pytest
import talib

from streams.columns import F64
from streams.indicators.adx import ADX
from streams.indicators.aroon import AROON
from streams.indicators.dema import DEMA
from streams.indicators.donchian import DONCHIAN
from streams.indicators.hma import HMA
from streams.indicators.ichimoku import ICHIMOKU
from streams.indicators.indicator import Family, Number
from streams.indicators.kama import KAMA
from streams.indicators.keltner import KELTNER
from streams.indicators.linreg import LINREG
from streams.indicators.sar import SAR
from streams.indicators.supertrend import SUPERTREND
from streams.indicators.t3 import T3
from streams.indicators.tema import TEMA
from streams.indicators.vwma import VWMA
from streams.indicators.wma import WMA
from tests.streams.indicators.histories import bars, markets, prices, trades, walk
from tests.streams.indicators.stepping import Steps, drive, served

Values = tuple[F64 | None, ...]
"""One array per output; None for one that TA-Lib does not have."""
Oracle = Callable[..., Values]


def adx(s: Steps, n: int) -> Values:
    hlc = s.high, s.low, s.close
    return talib.ADX(*hlc, n), talib.PLUS_DI(*hlc, n), talib.MINUS_DI(*hlc, n), talib.ADXR(*hlc, n)


def aroon(s: Steps, n: int) -> Values:
    down, up = talib.AROON(s.high, s.low, n)
    return up, down, talib.AROONOSC(s.high, s.low, n)


def ichimoku(s: Steps, conversion: int, base: int, span: int) -> Values:
    tenkan, kijun, senkou_b = (talib.MIDPRICE(s.high, s.low, n) for n in (conversion, base, span))
    return tenkan, kijun, (tenkan + kijun) / 2, senkou_b


def linreg(s: Steps, n: int) -> Values:
    return talib.LINEARREG(s.close, n), talib.LINEARREG_SLOPE(s.close, n), talib.LINEARREG_INTERCEPT(s.close, n), None


def supertrend(s: Steps, n: int, multiple: float) -> Values:
    value, direction = talib.SUPERTREND(s.high, s.low, s.close, n, multiple)
    return value, np.where(np.isnan(value), np.nan, direction)


def vwma(s: Steps, n: int) -> Values:
    """Without quantity in the window TA-Lib divides what its sum of products has left by 0."""
    values = talib.VWMA(s.close, s.volume, n)
    return (np.where(np.isinf(values), np.nan, values),)


ORACLES: dict[str, Oracle] = {
    "adx": adx,
    "aroon": aroon,
    "dema": lambda s, n: (talib.DEMA(s.close, n),),
    "donchian": lambda s, n: talib.DONCHIAN(s.high, s.low, n),
    "hma": lambda s, n: (talib.HMA(s.close, n),),
    "ichimoku": ichimoku,
    "kama": lambda s, n: (talib.KAMA(s.close, n),),
    "keltner": lambda s, n, m, width: talib.KC(s.high, s.low, s.close, n, m, width),
    "linreg": linreg,
    "sar": lambda s, acceleration, maximum: (talib.SAR(s.high, s.low, acceleration, maximum),),
    "supertrend": supertrend,
    "t3": lambda s, n, factor: (talib.T3(s.close, n, factor),),
    "tema": lambda s, n: (talib.TEMA(s.close, n),),
    "vwma": vwma,
    "wma": lambda s, n: (talib.WMA(s.close, n),),
}
CASES: list[tuple[Family, tuple[Number, ...]]] = [
    *((family, (n,)) for family in (ADX, AROON, DEMA, TEMA, KAMA, WMA, VWMA, LINREG, DONCHIAN) for n in (2, 5, 14)),
    *((HMA, (n,)) for n in (2, 3, 4, 15, 16, 20)),
    (ICHIMOKU, (9, 26, 52)),
    *((KELTNER, parameters) for parameters in ((20, 10, 2.0), (5, 10, 1.5), (3, 20, 1.0), (11, 10, 2.0), (2, 1, 1.0))),
    *((SAR, parameters) for parameters in ((0.02, 0.2), (0.25, 0.5), (0.1, 0.1))),
    *((SUPERTREND, parameters) for parameters in ((10, 3.0), (2, 1.0), (7, 0.5))),
    *((T3, parameters) for parameters in ((5, 0.7), (2, 0.0), (3, 1.0))),
]
each_case = pytest.mark.parametrize(
    ("family", "parameters"), CASES, ids=[family.spelled(parameters) for family, parameters in CASES]
)


def coarse_grid(n: int) -> Steps:
    """Bars at five whole prices: closes on bands, equal extremes, touched stops, and no rounding that could decide."""
    closes = np.random.default_rng(9).integers(100, 105, 4 * n).astype(np.float64)
    return bars(closes)


MARKETS = markets(500) | {"coarse grid, bars": coarse_grid(500)}
QUANTITIES = np.random.default_rng(10).choice([0.0, 0.0, 0.0, 0.5, 1.0, 2.5], 500)
LEVEL = {"linreg": 1024}
"""Units in the last place of the highest price so far that a value may be off; 64 for the others."""


def with_exact_quantities(steps: Steps) -> Steps:
    return Steps(close=steps.close, high=steps.high, low=steps.low, volume=QUANTITIES[: len(steps)])


def assert_parity(family: Family, parameters: tuple[Number, ...], steps: Steps) -> None:
    """Within 1e-9, relative, and within the rounding of the price level where the unit is that of the price."""
    indicator = family.indicator(*parameters)
    ours = served(indicator, drive(indicator, steps))
    level = LEVEL.get(family.name, 64) * np.spacing(np.maximum.accumulate(steps.high))
    for j, theirs in enumerate(ORACLES[family.name](steps, *parameters)):
        name = indicator.outputs[j]
        if theirs is None:
            continue
        np.testing.assert_array_equal(np.isnan(ours[:, j]), np.isnan(theirs), err_msg=name)
        wrong = np.abs(ours[:, j] - theirs) > 1e-9 * np.abs(theirs) + level
        at = np.flatnonzero(wrong)[:3]
        assert not wrong.any(), f"{name} at {at}: {ours[at, j]}, not {theirs[at]}"


@each_case
def test_every_output_after_every_step(family: Family, parameters: tuple[Number, ...]) -> None:
    for market, made in MARKETS.items():
        spoilt = market.startswith("a bad tick") and family in {KAMA, VWMA}
        steps = made.first(len(made) // 3) if spoilt else made
        assert_parity(family, parameters, with_exact_quantities(steps) if family is VWMA else steps)


@each_case
def test_every_prefix_on_its_own(family: Family, parameters: tuple[Number, ...]) -> None:
    steps = with_exact_quantities(bars(walk(11, 4 * 90)))
    for n in range(1, len(steps) + 1):
        assert_parity(family, parameters, steps.first(n))


@pytest.mark.parametrize("n", [3, 14, 50])
@pytest.mark.parametrize("market", ["walk", "wild walk", "ticks"])
def test_r2_is_the_square_of_the_correlation_of_price_and_place(n: int, market: str) -> None:
    steps = trades(prices(500)[market])
    indicator = LINREG.indicator(n)
    ours = served(indicator, drive(indicator, steps))[:, 3]
    theirs = talib.CORREL(steps.close, np.arange(500.0), n) ** 2
    moving = np.array([np.ptp(steps.close[max(i + 1 - n, 0) : i + 1]) > 0 for i in range(500)])
    assert np.array_equal(np.isnan(ours), np.isnan(theirs) | ~moving)
    np.testing.assert_allclose(ours[moving], theirs[moving], rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("family", "parameters"),
    [(SAR, (0.02, 0.2)), (SUPERTREND, (10, 3.0)), (DONCHIAN, (20,)), (AROON, (14,)), (ICHIMOKU, (9, 26, 52))],
    ids=lambda value: value.name if isinstance(value, Family) else "",
)
@pytest.mark.parametrize("market", ["ticks", "tiny moves and a trend"])
def test_what_remembers_for_ever_is_still_the_same_after_a_long_run(
    family: Family, parameters: tuple[Number, ...], market: str
) -> None:
    assert_parity(family, parameters, bars(prices(200_000)[market]))
