"""The microstructure indicators against their definitions, after every trade, quote, bar or tick."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.columns import F64
from streams.indicators.amihud import AMIHUD
from streams.indicators.effective_spread import EFFECTIVE_SPREAD
from streams.indicators.intensity import INTENSITY
from streams.indicators.kyle import KYLE
from streams.indicators.microprice import MICROPRICE
from streams.indicators.mid import MID
from streams.indicators.ofi import OFI
from streams.indicators.queue_imbalance import QUEUE_IMBALANCE
from streams.indicators.realised_spread import REALISED_SPREAD
from streams.indicators.roll import ROLL
from streams.indicators.signed_volume import SIGNED_VOLUME
from streams.indicators.spread import SPREAD
from streams.indicators.trade_age import TRADE_AGE
from streams.indicators.trade_sign import TRADE_SIGN
from streams.indicators.vpin import VPIN
from streams.indicators.vpin_bulk import VPIN_BULK
from streams.indicators.weighted_mid import WEIGHTED_MID
from tests.streams.indicators.checks import (
    Case,
    agree,
    goes_on_from_a_copy,
    has_its_first_values_at_the_warm_up,
    is_the_same_interpreted,
    relative,
)
from tests.streams.indicators.definitions.microstructure import DEFINITIONS
from tests.streams.indicators.events import (
    quote_events,
    seeded_bars,
    seeded_quotes,
    seeded_ticks,
    seeded_trades,
    tick_events,
    trade_events,
)
from tests.streams.indicators.stepping import Steps


def of_the_slope(steps: Steps, expected: F64) -> F64:
    """Rounding of the mids and of the means, next to the least deviation of the volume that the definition claims."""
    mid = np.nan_to_num(steps.mid)
    least = np.min(steps.volume[steps.volume > 0], initial=1.0)
    level = 1e-8 * (np.ptp(mid) / least + np.max(steps.volume, initial=0.0) / least * np.abs(expected))
    return 1e-9 * np.abs(expected) + level


def of_the_covariance(steps: Steps, expected: F64) -> F64:
    """Rounding of a covariance that may be small beside the variances."""
    reach = np.ptp(steps.close)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1e-9 * np.abs(expected) + 1e-15 * reach * np.nan_to_num(reach / expected, posinf=0.0)


def of_the_mid(steps: Steps, _expected: F64) -> F64:
    """The share of its movement by which a spread in bps may be off."""
    mid = np.nan_to_num(steps.mid, nan=1.0)
    return np.full((len(steps), 1), 1e-13 * 2e4 * (1.0 + np.max(steps.close) / np.min(mid)))


def of_the_quote(steps: Steps, expected: F64) -> F64:
    """Rounding of the prices, and that in bps."""
    level = np.full(expected.shape, 1e-14)
    level[:, 0] = 2 * np.spacing(steps.ask)
    return level + 1e-13 * np.abs(expected) * (np.arange(expected.shape[1]) > 0)


TRADES = (trade_events(), seeded_trades)
BARS = (trade_events(), seeded_bars)
QUOTES = (quote_events(), seeded_quotes)
TICKS = (tick_events(), seeded_ticks)
CASES = [
    Case(SPREAD.indicator(), *QUOTES, relative(1e-15)),
    Case(MID.indicator(), *QUOTES, relative(2e-16)),
    Case(QUEUE_IMBALANCE.indicator(), *QUOTES, relative(1e-15)),
    Case(WEIGHTED_MID.indicator(), *QUOTES, relative(5e-16)),
    Case(MICROPRICE.indicator(0.01, 0.62, 1.31, 0.4, 0.7), *QUOTES, of_the_quote),
    Case(OFI.indicator(1), *QUOTES, relative(1e-14, 1e-11)),
    Case(OFI.indicator(12), *QUOTES, relative(1e-14, 1e-10)),
    Case(TRADE_SIGN.indicator(), *TRADES, relative(0.0)),
    Case(SIGNED_VOLUME.indicator(1), *TRADES, relative(0.0)),
    Case(SIGNED_VOLUME.indicator(8), *BARS, relative(1e-14, 1e-8)),
    Case(VPIN.indicator(3.0, 2), *TRADES, relative(1e-12, 3e-9)),
    Case(VPIN.indicator(150.0, 5), *TRADES, relative(1e-12, 3e-9)),
    Case(VPIN.indicator(2.5e5, 10), *BARS, relative(1e-12, 3e-9)),
    Case(VPIN_BULK.indicator(3e5, 3, 5), *BARS, relative(1e-9, 1e-8)),
    Case(KYLE.indicator(2), *TRADES, of_the_slope),
    Case(KYLE.indicator(30), *TRADES, of_the_slope),
    Case(AMIHUD.indicator(1), *TRADES, relative(1e-12)),
    Case(AMIHUD.indicator(15), *BARS, relative(1e-12)),
    Case(ROLL.indicator(2), *TRADES, of_the_covariance),
    Case(ROLL.indicator(20), *TRADES, of_the_covariance),
    Case(EFFECTIVE_SPREAD.indicator(1), *TRADES, of_the_mid),
    Case(EFFECTIVE_SPREAD.indicator(9), *TRADES, of_the_mid),
    Case(REALISED_SPREAD.indicator(1), *TRADES, relative(1e-12, 1e-11)),
    Case(REALISED_SPREAD.indicator(6), *TRADES, relative(1e-12, 1e-11)),
    Case(INTENSITY.indicator(2.0), *TICKS, relative(1e-12, 1e-200)),
    Case(INTENSITY.indicator(0.001), *TICKS, relative(1e-9, 1e-200)),
    Case(TRADE_AGE.indicator(), *TICKS, relative(0.0)),
]
each = pytest.mark.parametrize("case", CASES, ids=repr)


@each
@given(data=st.data())
@settings(max_examples=30)
def test_values_are_those_of_the_definition_after_every_step(case: Case, data: st.DataObject) -> None:
    agree(case, DEFINITIONS[case.indicator.family.name], data.draw(case.histories))


@each
def test_and_so_they_are_over_longer_histories(case: Case) -> None:
    for seed in range(3):
        agree(case, DEFINITIONS[case.indicator.family.name], case.seeded(seed, 130))


@each
def test_the_first_value_comes_at_the_warm_up(case: Case) -> None:
    has_its_first_values_at_the_warm_up(case, DEFINITIONS[case.indicator.family.name])


@each
def test_interpreted_and_compiled_steps_agree_bit_for_bit(case: Case) -> None:
    for seed in range(2):
        is_the_same_interpreted(case, case.seeded(seed, 120))


@each
@given(data=st.data())
@settings(max_examples=15)
def test_a_copy_goes_on_bit_for_bit(case: Case, data: st.DataObject) -> None:
    steps = data.draw(case.histories)
    goes_on_from_a_copy(case, steps, data.draw(st.integers(0, len(steps))))
