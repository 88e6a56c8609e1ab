"""The volume indicators against TA-Lib, and over long runs.

What TA-Lib has: AD, ADOSC, OBV. All three start at 0 before the first volume there, where ours are undefined.
"""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import talib

from streams.columns import F64
from streams.indicators.ad import AD
from streams.indicators.adosc import ADOSC
from streams.indicators.cmf import CMF
from streams.indicators.indicator import Indicator
from streams.indicators.obv import OBV
from streams.indicators.volume_z import VOLUME_Z
from streams.indicators.vwap import VWAP
from tests.streams.indicators.histories import markets, walk
from tests.streams.indicators.stepping import Steps, drive, served


def hlcv(function: Callable[..., Any], *parameters: int) -> Callable[[Steps], F64]:
    return lambda steps: function(steps.high, steps.low, steps.close, steps.volume, *parameters)


PARITY: list[tuple[Indicator, Callable[[Steps], F64]]] = [
    (OBV.indicator(), lambda steps: talib.OBV(steps.close, steps.volume)),
    (AD.indicator(), hlcv(talib.AD)),
    (ADOSC.indicator(), hlcv(talib.ADOSC, 3, 10)),
    (ADOSC.indicator(2, 3), hlcv(talib.ADOSC, 2, 3)),
    (ADOSC.indicator(5, 34), hlcv(talib.ADOSC, 5, 34)),
]
N = 800


@pytest.mark.parametrize("market", markets(1))
@pytest.mark.parametrize(("indicator", "theirs"), PARITY, ids=[indicator.name for indicator, _ in PARITY])
def test_talib_after_every_step(indicator: Indicator, theirs: Callable[[Steps], F64], market: str) -> None:
    steps = markets(N)[market]
    ours, expected = served(indicator, drive(indicator, steps))[:, 0], theirs(steps)
    seen = np.cumsum(steps.volume) > 0
    assert np.all(expected[~seen & ~np.isnan(expected)] == 0.0)
    expected[~seen] = np.nan
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(expected))
    # TA-Lib's own sums of all volumes so far are rounded at every step.
    slack = 1e-15 * np.cumsum(steps.volume) * np.sqrt(np.arange(1, len(steps) + 1))
    wrong = np.abs(ours - expected) > 1e-9 * np.abs(expected) + slack
    assert not wrong.any(), (np.flatnonzero(wrong)[:5], ours[wrong][:5], expected[wrong][:5])


@pytest.mark.parametrize("n", [9, 10, 11, 35])
def test_talib_on_its_own_prefix(n: int) -> None:
    steps = markets(N)["walk, bars"].first(n)
    for indicator, theirs in PARITY:
        ours = served(indicator, drive(indicator, steps))[-1, 0]
        np.testing.assert_allclose(ours, theirs(steps)[-1], rtol=1e-9, atol=1e-6)


def long_history(n: int) -> Steps:
    """Prices of 1e5 that move by 1e-6, quantities between 1e-3 and 1e6."""
    rng = np.random.default_rng(9)
    close = 1e5 + rng.normal(0.0, 1e-6, n)
    return Steps(close=close, volume=10 ** rng.uniform(-3, 6, n))


def test_the_average_price_of_a_long_session_keeps_the_smallest_moves() -> None:
    steps = long_history(30_000)
    distance = drive(VWAP.indicator(), steps)[:, 1]
    for i in (10, 29_999):
        volume = [Fraction(v) for v in steps.volume[: i + 1].tolist()]
        close = [Fraction(p) for p in steps.close[: i + 1].tolist()]
        average = sum(p * v for p, v in zip(close, volume, strict=True)) / sum(volume)
        exact = float(10_000 * (close[-1] - average) / average)
        assert abs(exact) < 1e-6
        assert distance[i] == pytest.approx(exact, rel=1e-12, abs=1e-21)


def test_sums_of_a_long_history_are_rounded_once() -> None:
    steps = long_history(30_000)
    moves = np.sign(np.diff(steps.close, prepend=0.0))
    exact = sum((Fraction(m) * Fraction(v) for m, v in zip(moves.tolist(), steps.volume.tolist(), strict=True)))
    assert drive(OBV.indicator(), steps)[-1, 0] == float(exact)


def test_the_oscillator_does_not_lose_digits_as_its_line_grows() -> None:
    n = 200_000
    close = walk(1, n)
    volume = np.full(n, 1e9)
    # Always closed at the high, until the last hundred bars: the line is 2e14 then, and the oscillator still exact.
    low = close * 0.999
    volume[-100:] = 1e-3
    steps = Steps(open=low, high=close, low=low, close=close, volume=volume)
    fast = slow = Decimal(0)
    for v in steps.volume[1:].tolist():
        fast, slow = (fast + Decimal(v)) * 2 / 4, (slow + Decimal(v)) * 9 / 11
    assert drive(ADOSC.indicator(), steps)[-1, 0] == pytest.approx(float(slow - fast), rel=1e-12)


def test_windows_forget_what_left_them() -> None:
    n = 200_000
    steps = long_history(n)
    tail = Steps(**{name: steps[name][-41:] for name in ("open", "high", "low", "close", "volume", "dollars")})
    for indicator, allowed in ((VOLUME_Z.indicator(20), 1e-12), (CMF.indicator(20), 1e-14)):
        ours, fresh = drive(indicator, steps)[-1], drive(indicator, tail)[-1]
        np.testing.assert_allclose(ours, fresh, atol=allowed, rtol=0)
