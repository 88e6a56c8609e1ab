"""Ten million ticks at price 1e5 whose moves are 1e-6, through the kernel: what sums and averages lose does not add up.

A double at 1e5 has steps of 1.5e-11, so such a move has some five digits. After the last tick every indicator is what
its definition makes, in exact or 60-digit arithmetic, of the last 2,000 ticks alone (what came before has faded below
the last digit of any of them).
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from streams.columns import F64, Folded
from streams.engine import RealTimeFeatureEngine
from streams.feature_set import FeatureSet
from streams.history import history_of
from streams.indicators.indicator import Indicator
from tests.streams.indicators.definitions import context, momentum, trend, volatility
from tests.streams.indicators.stepping import Steps
from tests.streams.reference import DEFINITIONS as FIRST

TICKS = 10_000_000
AT_ONCE = 100_000
LEVEL = 1e5
MOVE = 1e-6
TAIL = 2_000
COMPARED = 50
UNIT = float(np.spacing(LEVEL))

IN_PRICE = [
    "sma_20",
    "sma_50",
    "ema_12",
    "macd",
    "wma_20",
    "dema_20",
    "tema_20",
    "t3_5_0.7",
    "kama_10",
    "hma_20",
    "linreg_20",
    "donchian_20",
    "bbands",
]
"""Held to 16 units in the last place of the price where they are a price, else as those below."""
IN_PER_CENT = ["ppo", "trix_15"]
"""Made of averages that carry the level: the same, as per cent of it."""
DIFFERENCES = {"macd", *IN_PER_CENT}
"""Small, but made of averages that carry the level."""
OF_MOVES = [
    "rsi_14",
    "stddev_20",
    "zscore_50",
    "cci_20",
    "roc_10",
    "mom_10",
    "cmo_14",
    "tsi_25_13",
    "rv_50",
    "bipower_50",
    "willr_14",
    "stochf_5_3",
    "atr_14",
]
"""Made of moves alone: held to 1e-9, relative."""
FEATURE_SET = FeatureSet.of("drift", *IN_PRICE, *IN_PER_CENT, *OF_MOVES)


def markets() -> Iterator[F64]:
    """The prices, in parts."""
    random = np.random.default_rng(7)
    for _ in range(TICKS // AT_ONCE):
        yield LEVEL + MOVE * random.standard_normal(AT_ONCE)


@pytest.fixture(scope="module")
def end(tmp_path_factory: pytest.TempPathFactory) -> tuple[Folded, F64]:
    """What was served for the last part, and its prices."""
    cache: Path = tmp_path_factory.mktemp("kernels")
    engine = RealTimeFeatureEngine(FEATURE_SET, cache_dir=cache)
    block = engine.new_block()
    rows = np.full(AT_ONCE, block.add("X"), np.int32)
    for part, prices in enumerate(markets()):
        columns = history_of(prices, None, None, ()).columns
        folded = engine.fold(block, rows, replace(columns, offset=columns.offset + part * AT_ONCE))
    return folded, prices


def true_values(indicator: Indicator, prices: F64) -> F64:
    name = indicator.family.name
    if name in FIRST:
        return np.array(FIRST[name](prices.tolist(), *indicator.parameters))
    definitions = trend.DEFINITIONS | momentum.DEFINITIONS | volatility.DEFINITIONS | context.DEFINITIONS
    return np.array(definitions[name](Steps(close=prices), *indicator.parameters))


@pytest.mark.parametrize("indicator", FEATURE_SET.indicators, ids=lambda indicator: indicator.name)
def test_nothing_has_drifted(end: tuple[Folded, F64], indicator: Indicator) -> None:
    folded, prices = end
    at = FEATURE_SET.outputs.index(indicator.outputs[0])
    ours = folded.values[-COMPARED:, at : at + len(indicator.outputs)]
    theirs = true_values(indicator, prices[-TAIL:])[-COMPARED:]
    at_level = np.abs(theirs) > LEVEL / 2
    units = (
        16 * UNIT * (at_level | (indicator.name in DIFFERENCES)) / (LEVEL / 100 if indicator.name in IN_PER_CENT else 1)
    )
    assert np.isfinite(ours).all()
    assert (np.abs(ours - theirs) <= 1e-9 * np.abs(theirs) + units).all()
